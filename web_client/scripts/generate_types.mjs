// Makes src/protocol/types.ts and constants.ts from src/protocol/schema.json (`python -m protocol.schema`).
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const here = new URL("../src/protocol/", import.meta.url);
const BANNER = "// Generated from schema.json by `npm run types`. Do not edit.\n";

/** Every field is written by both ends, also one that has a default: in TypeScript all are required. */
function required(schema) {
  if (Array.isArray(schema)) return schema.map(required);
  if (schema === null || typeof schema !== "object") return schema;
  const made = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "default" || key === "discriminator") continue;
    made[key] = key === "prefixItems" ? value : required(value);
  }
  if (made.properties !== undefined) {
    made.required = Object.keys(made.properties);
    delete made.title;
  }
  if (made.type === "array" && made.prefixItems !== undefined) {
    made.items = made.prefixItems;
    delete made.prefixItems;
  }
  return made;
}

export async function types(schema) {
  const names = Object.keys(schema.$defs);
  const root = {
    title: "Wire",
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }])),
    required: names,
    additionalProperties: false,
    $defs: Object.fromEntries(names.map((name) => [name, { ...required(schema.$defs[name]), title: name }])),
  };
  const text = await compile(root, "Wire", {
    bannerComment: BANNER,
    ignoreMinAndMaxItems: true,
    additionalProperties: false,
    format: true,
    style: { printWidth: 120 },
  });
  return text;
}

export function constants(schema) {
  const lines = Object.entries(schema["x-constants"]).map(
    ([name, value]) => `export const ${name} = ${JSON.stringify(value)} as const;`,
  );
  return `${BANNER}\n${lines.join("\n")}\n`;
}

export function readSchema() {
  return JSON.parse(readFileSync(new URL("schema.json", here), "utf8"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const schema = readSchema();
  writeFileSync(new URL("types.ts", here), await types(schema));
  writeFileSync(new URL("constants.ts", here), constants(schema));
}
