// Everybody can use the page: by keyboard alone, on any screen, in light and dark.

import axe from "axe-core";

import { button, expect, field, heading, open, test } from "./fixtures.js";
import { newPerson } from "./service.js";

test("the whole journey takes no more than a keyboard", async ({ page, service }) => {
  const { email, password } = newPerson();
  const goTo = async (target, key = "Tab", ring = target) => {
    for (let presses = 0; presses < 20; presses += 1) {
      await page.keyboard.press(key);
      if (await target.evaluate((element) => element === document.activeElement)) {
        await expect(ring).toHaveCSS("outline", /solid 3px$/);
        return;
      }
    }
    throw new Error(`${key} does not lead to ${target}`);
  };
  await page.goto("/");

  await goTo(page.getByRole("link", { name: "Sign up" }));
  await page.keyboard.press("Enter");
  await expect(heading(page, "Sign up")).toBeFocused();
  await goTo(field(page, "E-mail"));
  await page.keyboard.type(email);
  await page.keyboard.press("Enter");
  await expect(field(page, "Password")).toBeFocused();
  await page.keyboard.type(password);
  await goTo(button(page, "Sign up"));
  await page.keyboard.press("Space");

  await expect(heading(page, "Your profile")).toBeFocused();
  await goTo(field(page, "First name"));
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await expect(page.getByText("Saved.")).toBeVisible();

  const choose = field(page, "Choose a picture");
  await goTo(choose, "Shift+Tab", page.locator("label.button"));
  const chooser = page.waitForEvent("filechooser");
  await page.keyboard.press("Space");
  await (await chooser).setFiles(service.picture);
  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await goTo(button(page, "Remove"));
  await page.keyboard.press("Enter");
  await expect(page.getByText("The picture is removed.")).toBeVisible();
  await expect(choose).toBeFocused();

  await goTo(button(page, "Log out"), "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(heading(page, "Log in")).toBeFocused();
  await goTo(field(page, "E-mail or username"));
  await page.keyboard.type(email);
  await goTo(button(page, "Show password"));
  await goTo(field(page, "Password"));
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await expect(heading(page, "Your profile")).toBeFocused();
});

for (const [name, options] of Object.entries({
  "a light desktop in English": { colorScheme: "light", width: 1280, locale: "en-US" },
  "a dark desktop in Russian": { colorScheme: "dark", width: 1280, locale: "ru-RU" },
  "a light phone in Russian": { colorScheme: "light", width: 320, locale: "ru-RU" },
  "a dark phone in English": { colorScheme: "dark", width: 320, locale: "en-US" },
})) {
  const { colorScheme, width, locale } = options;

  test.describe(name, () => {
    test.use({
      colorScheme,
      locale,
      viewport: { width, height: 700 },
      contextOptions: { reducedMotion: "reduce" },
    });

    test("has no barrier in any state", async ({ page, service }) => {
      test.slow();
      const member = await service.member();
      const notice = page.getByRole("alert").filter({ visible: true });
      const check = async (state) => {
        // Of text on a gradient axe cannot tell the contrast. This is the color of the gradient that
        // is nearest to the text's.
        await page.evaluate(() => {
          document.styleSheets[0].insertRule(".card { background: #1b5a66 !important }");
          document.styleSheets[0].insertRule(".card::before { display: none }");
        });
        await page.evaluate(axe.source);
        const { violations, incomplete } = await page.evaluate(() => axe.run());
        const barriers = [...violations, ...incomplete].map(
          ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
        );
        expect.soft(barriers, state).toEqual([]);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect.soft(overflow, `${state}: pixels to scroll sideways`).toBe(0);
      };

      await page.goto("/");
      await expect(page.locator("#log-in [type=submit]")).toHaveCSS("transition-property", "none");
      await check("log-in");

      await page.locator("#log-in [type=submit]").click();
      await expect(page.locator("#log-in-login")).toHaveAttribute("aria-invalid", "true");
      await check("an empty form");

      await page.locator("#log-in-login").fill(member.email);
      await page.locator("#log-in-password").fill("wrong");
      await page.locator("#log-in [type=submit]").click();
      await expect(notice).toBeVisible();
      await check("a wrong pair");

      await service.failLogIns(member.email, 12);
      await page.locator("#log-in [type=submit]").click();
      await expect(page.locator("#log-in [type=submit]")).toBeDisabled();
      await expect(notice).toBeVisible();
      await check("a lock-out");

      await page.goto("/#sign-up");
      await page.reload();
      await check("sign-up");

      await page.locator("#sign-up-email").fill("a-long-address-of-nobody-at-all");
      await page.locator("#sign-up [type=submit]").click();
      await expect(page.locator("#sign-up-password")).toHaveAttribute("aria-invalid", "true");
      await check("wrong fields");

      await page.route("**/get_profile/", (route) => route.abort());
      await open(page, member);
      await expect(page.locator("#retry")).toBeVisible();
      await check("no connection");

      await page.unrouteAll();
      await page.locator("#retry").click();
      await expect(page.locator("#profile h1")).toBeFocused();
      await check("an empty profile");

      const uploads = [];
      await page.route("**/update_profile/", (route) => uploads.push(route));
      await page.locator("#avatar-file").setInputFiles(service.picture);
      await expect(page.getByRole("progressbar")).toBeVisible();
      await check("an upload");

      await expect.poll(() => uploads.length).toBe(1);
      await uploads[0].continue();
      await page.unroute("**/update_profile/");
      await expect(page.locator("#avatar-remove")).toBeVisible();
      await page.locator("#profile-last-name").fill("Ким-Ли-".repeat(20));
      await page.locator("#profile [type=submit]").click();
      await expect(page.locator("#profile-status")).not.toBeEmpty();
      await check("a full profile");

      await page.route("**/update_profile/", (route) => route.fulfill({ status: 503, body: "{}" }));
      await page.locator("#profile-first-name").fill("Ким");
      await page.locator("#profile [type=submit]").click();
      await expect(page.locator("#waiting")).not.toBeEmpty();
      await check("a wait for the service");
      await page.unroute("**/update_profile/");
      await expect(page.locator("#waiting")).toBeEmpty();

      await page.locator("#profile-first-name").fill("a\tb");
      await page.locator("#profile [type=submit]").click();
      await expect(page.locator("#profile-first-name")).toHaveAttribute("aria-invalid", "true");
      await page.locator("#avatar-file").setInputFiles({
        name: "avatar.png",
        mimeType: "image/png",
        buffer: Buffer.alloc(1),
      });
      await expect(page.locator("#avatar-file")).toHaveAttribute("aria-invalid", "true");
      await check("a wrong name and a wrong picture");

      await open(page, { token: service.expiredToken(member) });
      await expect(notice).toBeVisible();
      await check("an expired session");
    });
  });
}
