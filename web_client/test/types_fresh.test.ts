import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { constants, readSchema, types } from "../scripts/generate_types.mjs";

const committed = (name: string) => readFileSync(new URL(`../src/protocol/${name}`, import.meta.url), "utf8");

test("the committed types are those of the committed schema", async () => {
  expect(await types(readSchema())).toBe(committed("types.ts"));
});

test("the committed constants are those of the committed schema", () => {
  expect(constants(readSchema())).toBe(committed("constants.ts"));
});
