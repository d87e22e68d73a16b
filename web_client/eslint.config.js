import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "src/protocol/types.ts", "src/protocol/constants.ts"] },
  {
    files: ["src/**/*.{ts,tsx}", "test/**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: ["error", "always", { null: "ignore" }],
      // style.md 31: logic has no DOM, and one folder touches the peer connection.
      "no-restricted-globals": ["error", "RTCPeerConnection"],
    },
  },
  { files: ["src/rtc/**/*.ts"], rules: { "no-restricted-globals": "off" } },
  {
    files: ["src/state/**/*.ts"],
    rules: { "no-restricted-globals": ["error", "document", "window", "localStorage", "RTCPeerConnection"] },
  },
);
