// Makes the pictures of the README. They look as intended where the font Inter is installed.

import { expect, open, test } from "./fixtures.js";

const DOCUMENTATION = new URL("../../docs/", import.meta.url).pathname;

for (const { file, username, firstName, lastName, ...options } of [
  {
    file: "frontend-desktop.png",
    username: "ada",
    firstName: "Ada",
    lastName: "Lovelace",
    locale: "en-US",
    colorScheme: "light",
    viewport: { width: 1120, height: 720 },
  },
  {
    file: "frontend-phone.png",
    username: "anna",
    firstName: "Анна",
    lastName: "Каренина",
    locale: "ru-RU",
    colorScheme: "dark",
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 1.5,
  },
]) {
  test.describe(file, () => {
    test.use(options);

    test("is made", async ({ page, service }) => {
      const email = `${username}@example.com`;
      await open(page, await service.member({ username, email, password: "12345" }));
      await page.locator("#profile-first-name").fill(firstName);
      await page.locator("#profile-last-name").fill(lastName);
      await page.locator("#avatar-file").setInputFiles(service.picture);
      await expect(page.locator("#avatar")).toHaveJSProperty("naturalWidth", 256);
      await page.locator("#profile [type=submit]").click();
      await expect(page.locator("#profile-status")).not.toBeEmpty();

      await page.evaluate(() => scrollTo(0, 0));
      await page.screenshot({ path: DOCUMENTATION + file });
    });
  });
}
