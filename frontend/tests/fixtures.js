// `test` with a service, and a page that may neither complain nor call anybody else.

import { test as base, expect } from "@playwright/test";

import { Service } from "./service.js";

export { expect };

export const test = base.extend({
  service: [
    async ({}, use) => {
      const service = await Service.start();
      await use(service);
      await service.stop();
    },
    { scope: "worker" },
  ],

  baseURL: ({ service }, use) => use(service.url),

  page: async ({ page }, use) => {
    const complaints = watch(page);
    await use(page);
    expect(complaints).toEqual([]);
  },
});

/** Collects what `page` does wrong, whatever it is tested for. */
export function watch(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // Chromium itself reports each answer that is an error.
    if (!message.text().startsWith("Failed to load resource: ")) {
      complaints.push(message.text());
    }
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["127.0.0.1", ""].includes(url.hostname) || url.search || url.href.includes("eyJ")) {
      complaints.push(url.href);
    }
  });
  return complaints;
}

/** Opens the page as `member`, in a tab in which they are logged in. */
export async function open(page, { token }) {
  await page.goto("/");
  await page.evaluate((token) => sessionStorage.setItem("token", token), token);
  await page.reload();
}

/** The field of the shown view whose label is `name`. */
export const field = (page, name) =>
  page.getByLabel(name, { exact: true }).filter({ visible: true });

export const button = (page, name) => page.getByRole("button", { name, exact: true });

export const heading = (page, name) => page.getByRole("heading", { name, exact: true });
