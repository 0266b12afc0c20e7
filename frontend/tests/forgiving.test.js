// The page does not blame people for its own limits and the service's, in either language.

import { randomUUID } from "node:crypto";

import { button, expect, field, heading, open, test } from "./fixtures.js";
import { LANGUAGES } from "./languages.js";
import { Service, newPerson } from "./service.js";

const notice = (page) => page.getByRole("alert").filter({ visible: true });

for (const [language, say] of Object.entries(LANGUAGES)) {
  test.describe(language, () => {
    test.use({ locale: say.locale });

    const logIn = async (page, { email, password }) => {
      await field(page, say.login).fill(email);
      await field(page, say.password).fill(password);
      await button(page, say.logIn).click();
    };

    const signUp = async (page, { email, password }) => {
      await page.goto("/#sign-up");
      await field(page, say.email).fill(email);
      await field(page, say.password).fill(password);
      await button(page, say.signUpButton).click();
    };

    for (const [what, token] of Object.entries({
      "made-up": () => "made.up.token",
      expired: (service, member) => service.expiredToken(member),
      "another key's": (service, member) => service.sign(member, {}, "another key"),
      "a stranger's": (service, member) => service.sign(member, { user_id: randomUUID() }),
    })) {
      test(`${what} token ends the session with one sentence`, async ({ page, service }) => {
        await open(page, { token: token(service, await service.member()) });

        await expect(notice(page)).toHaveText(say.sessionOver);
        await expect(notice(page)).not.toHaveClass(/refusal/);
        await expect(heading(page, say.logInTitle)).toBeFocused();
      });
    }

    test("somebody whom an operator has shut out is told so", async ({ page, service }) => {
      const member = await service.member();
      await open(page, member);
      await field(page, say.firstName).fill("Ada");
      await service.disable(member);

      await button(page, say.save).click();

      await expect(notice(page)).toHaveText(say.disabled);
    });

    test("a refusal looks like an error, and other notices do not", async ({ page, service }) => {
      const member = await service.member();
      await page.goto("/");
      await logIn(page, { ...member, password: "wrong" });
      await expect(notice(page)).toHaveText(say.wrongPair);
      const red = await page.evaluate(() => {
        const error = document.querySelector("#log-in .error");
        return getComputedStyle(error).color;
      });
      await expect(notice(page)).toHaveCSS("color", red);

      await logIn(page, member);
      await button(page, say.logOut).click();

      await expect(notice(page)).toHaveText(say.loggedOut);
      await expect(notice(page)).not.toHaveCSS("color", red);
    });

    test("an empty form is not sent", async ({ page }) => {
      let requests = 0;
      page.on("request", (request) => {
        requests += request.method() === "POST";
      });
      await page.goto("/");

      await button(page, say.logIn).click();

      await expect(field(page, say.login)).toHaveAccessibleDescription(say.required);
      await expect(field(page, say.password)).toHaveAccessibleDescription(say.required);
      await expect(field(page, say.login)).toBeFocused();
      await page.goto("/#sign-up");
      await field(page, say.email).fill("ada@example.com");
      await button(page, say.signUpButton).click();
      await expect(field(page, say.email)).not.toHaveAttribute("aria-invalid");
      await expect(field(page, say.password)).toHaveAttribute("aria-invalid", "true");
      await expect(field(page, say.password)).toBeFocused();
      expect(requests).toBe(0);
    });

    test("the rule of passwords is shown before it is broken", async ({ page }) => {
      await page.goto("/#sign-up");

      await expect(page.getByText(say.passwordRule)).toBeVisible();
      await expect(field(page, say.password)).toHaveAccessibleDescription(say.passwordRule);
    });

    test("the stricter rule is shown where it holds", async ({ page }) => {
      const strict = await Service.start({ PASSWORD_POLICY: "strict" });
      try {
        await page.goto(`${strict.url}/#sign-up`);

        await expect(field(page, say.password)).toHaveAccessibleDescription(say.strictRule);
      } finally {
        await strict.stop();
      }
    });

    test("the word that all is saved goes when something is typed", async ({ page, service }) => {
      await open(page, await service.member());
      await field(page, say.firstName).fill("Ada");
      await button(page, say.save).click();
      await expect(page.getByText(say.saved)).toBeVisible();

      await field(page, say.lastName).press("L");

      await expect(page.getByText(say.saved)).toBeHidden();
    });

    test("the gateway's limit and a lock-out have different words", async ({ page, service }) => {
      const member = await service.member();
      const limit = {
        status: 429,
        headers: { "Retry-After": "1" },
        body: '{"detail":"Request was throttled. Expected available in 1 second."}',
      };
      await page.route("**/*_*/", (route) => route.fulfill(limit), { times: 1 });
      await page.goto("/");
      await logIn(page, member);
      await expect(notice(page)).toHaveText(say.throttled);

      await service.failLogIns(member.email, 11);
      await expect(button(page, say.logIn)).toBeEnabled();
      await button(page, say.logIn).click();
      await expect(notice(page)).toHaveText(say.lockedOut);

      await open(page, member);
      await field(page, say.firstName).fill("Ada");
      await page.route("**/*_*/", (route) => route.fulfill(limit));
      await button(page, say.save).click();
      await expect(notice(page)).toHaveText(say.throttled);
      await field(page, say.choose).setInputFiles(service.picture);
      await expect(page.locator("#avatar-file-error")).toHaveText(say.throttled);
    });

    test("a photo in HEIC has a sentence of its own", async ({ page, service }) => {
      await open(page, await service.member());
      let uploads = 0;
      page.on("request", (request) => {
        uploads += request.method() === "PUT";
      });
      // As an iPhone begins one. Chromium cannot decode it, whatever its name and its type.
      const buffer = Buffer.from("\0\0\0\x24ftypheic\0\0\0\0mif1heic" + "\0".repeat(5 << 20), "latin1");

      await field(page, say.choose).setInputFiles({ name: "IMG_1.jpg", mimeType: "image/jpeg", buffer });

      await expect(page.locator("#avatar-file-error")).toHaveText(say.heic);
      await expect(field(page, say.choose)).toBeFocused();
      expect(uploads).toBe(0);
    });

    test.describe("on a phone", () => {
      test.use({ viewport: { width: 320, height: 640 } });

      test("the longest names wrap", async ({ page, service }) => {
        const username = randomUUID().padEnd(150, "W").replaceAll("-", "W");
        const email = `${"w".repeat(20)}-${randomUUID()}@${"w.".repeat(75)}example.com`;
        await open(page, await service.member({ ...newPerson(), username, email }));
        await expectNothingCutOff(page);

        for (const name of [say.firstName, say.patronymic, say.lastName]) {
          await field(page, name).fill("Щ".repeat(150));
        }
        await button(page, say.save).click();

        await expect(page.getByText(say.saved)).toBeVisible();
        await expect(page.locator("#full-name")).toHaveText(Array(3).fill("Щ".repeat(150)).join(" "));
        await expectNothingCutOff(page);
      });
    });

    test("a request is repeated after a 503, a bounded number of times", async ({ page, service }) => {
      const member = await service.member();
      await page.clock.install();
      await open(page, member);
      let tries = 0;
      await page.route("**/update_profile/", (route) => {
        tries += 1;
        return tries === 3 ? route.continue() : route.fulfill(UNAVAILABLE);
      });
      await field(page, say.firstName).fill("Ada");

      await button(page, say.save).click();
      await waitOut(page, say);
      await waitOut(page, say);

      await expect(page.getByText(say.saved)).toBeVisible();
      await expect(page.getByText(say.waiting)).toBeHidden();
      expect(tries).toBe(3);
      await field(page, say.firstName).fill("Grace");
      await button(page, say.save).click();
      await waitOut(page, say);
      await waitOut(page, say);
      await expect(notice(page)).toHaveText(say.unavailable);
      await expect(notice(page)).toHaveClass(/refusal/);
      expect(tries).toBe(6);
      await expect(field(page, say.firstName)).toHaveValue("Grace");
    });

    test("a log-out ends the wait for a repetition", async ({ page, service }) => {
      await open(page, await service.member());
      await page.route("**/update_profile/", (route) => route.fulfill(UNAVAILABLE));
      await field(page, say.firstName).fill("Ada");
      await button(page, say.save).click();
      await expect(page.getByText(say.waiting)).toBeVisible();

      await button(page, say.logOut).click();

      await expect(page.getByText(say.waiting)).toBeHidden();
      await expect(notice(page)).toHaveText(say.loggedOut);
    });

    test("a sign-up whose response was lost leads to the profile", async ({ page }) => {
      const person = newPerson();
      await page.clock.install();
      await page.route(
        "**/create_user/",
        async (route) => {
          expect((await route.fetch()).status()).toBe(201);
          await route.fulfill(UNAVAILABLE);
        },
        { times: 1 },
      );

      await signUp(page, person);
      await waitOut(page, say);

      await expect(heading(page, say.profile)).toBeVisible();
      await expect(page.getByText(person.email)).toBeVisible();
    });

    test("a sign-up that is tried again by hand leads to the profile", async ({ page }) => {
      const person = newPerson();
      await page.route(
        "**/create_user/",
        async (route) => {
          await route.fetch();
          await route.abort();
        },
        { times: 1 },
      );
      await signUp(page, person);
      await expect(notice(page)).toBeVisible();

      await button(page, say.signUpButton).click();

      await expect(heading(page, say.profile)).toBeVisible();
    });

    test("somebody else's address leads to the log-in after a 503", async ({ page, service }) => {
      const { email } = await service.member();
      await page.clock.install();
      await page.route("**/create_user/", (route) => route.fulfill(UNAVAILABLE), { times: 1 });

      await signUp(page, { email, password: "of somebody else" });
      await waitOut(page, say);

      await expect(heading(page, say.logInTitle)).toBeFocused();
      await expect(notice(page)).toHaveText(say.exists);
      await expect(field(page, say.login)).toHaveValue(email);
    });

    test("a taken address is refused without a try to log in", async ({ page, service }) => {
      const { email, password } = await service.member();

      await signUp(page, { email, password });

      await expect(field(page, say.email)).toHaveAccessibleDescription(say.taken);
      await expect(heading(page, say.signUp)).toBeVisible();
    });
  });
}

const UNAVAILABLE = {
  status: 503,
  headers: { "Retry-After": "5" },
  body: '{"detail":"Service temporarily unavailable, try again later."}',
};

/** Lets the time pass that the page waits before it repeats a request. */
async function waitOut(page, say) {
  await expect(page.getByText(say.waiting)).toBeVisible();
  await page.clock.fastForward(5000);
}

/** Asserts that no text of the page is wider than the space that it has. The card's ornament may be. */
async function expectNothingCutOff(page) {
  const cutOff = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll("body *:not(.unseen, input, .card)")]
      .filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth)
      .map(({ tagName, id, className }) => `${tagName}#${id}.${className}`),
  );
  expect(cutOff).toEqual([]);
}
