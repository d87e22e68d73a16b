import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "chrome120",
    outDir: "dist",
    assetsDir: "assets",
    // The content security policy lets nothing inline through.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { doctor: "doctor.html", kiosk: "kiosk.html", guest: "guest.html" } },
  },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
