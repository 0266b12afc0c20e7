import { defineConfig } from "@playwright/test";

export default defineConfig({
  fullyParallel: true,
  forbidOnly: true,
  // As many as the stack has of its own: each worker runs one `cargo dev`.
  workers: 2,
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
