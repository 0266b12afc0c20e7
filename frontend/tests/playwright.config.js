import { defineConfig } from "@playwright/test";

export default defineConfig({
  // The pictures of the README are made on demand: `PICTURES=1 npm test`.
  testMatch: process.env.PICTURES ? "pictures.js" : "*.test.js",
  fullyParallel: true,
  forbidOnly: true,
  // Each runs a `cargo dev` of its own.
  workers: 2,
  // Generous, for a machine that is busy with something else; nothing waits for them to pass.
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  use: {
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // The sandbox needs rights that a container rarely has; the rest keeps Chromium off the network.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
