// The documentation for developers of frontends works as it is printed.

import ts from "typescript";

import { button, expect, field, test } from "./fixtures.js";
import { typescript } from "./frontend_md.js";
import { photo, upright } from "./photo.js";
import { newPerson } from "./service.js";

test("the reference tries the service, a picture included", async ({ page, service }) => {
  const { token } = await service.member();
  await page.goto("/docs");
  await button(page, "Authorize").click();
  await field(page, "Value:").fill(`JWT ${token}`);
  await button(page, "Apply credentials").click();
  await button(page, "Close").click();
  const update = page.locator("#operations-Profile-update_profile");
  await update.click();
  await update.getByRole("combobox").first().selectOption("multipart/form-data");

  await update.locator("input[type=file]").setInputFiles(service.picture);
  await update.getByRole("button", { name: "Execute" }).click();

  const answer = update.locator(".live-responses-table");
  await expect(answer.locator("tbody .response-col_status")).toHaveText("200");
  await expect(answer).toContainText(`"avatar": "${service.url}/avatars/`);
});

test.describe("docs/frontend.md", () => {
  test.beforeEach(async ({ page, service }) => {
    const { outputText } = ts.transpileModule(typescript(), {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    await page.route("**/frontend.js", (route) =>
      route.fulfill({
        contentType: "text/javascript",
        body: outputText.replace("http://127.0.0.1:3000", service.url),
      }),
    );
    await page.goto("/");
  });

  test("signs up, logs in, and changes a profile", async ({ page }) => {
    const { email, password } = newPerson();

    const profile = await page.evaluate(
      async ([email, password]) => {
        const code = await import("/frontend.js");
        await code.signUp({ email, password });
        const token = await code.logIn({ login: email, password });
        await code.changeProfile(token, { first_name: "Вася" });
        return code.showProfile(token);
      },
      [email, password],
    );

    expect(profile).toMatchObject({ email, first_name: "Вася", avatar: null });
  });

  test("scales a photo down, uploads it, draws it and removes it", async ({ page, service }) => {
    const { token } = await service.member();
    const file = upright(await photo(page, 4000, 3000), 6).toString("base64");

    const result = await page.evaluate(
      async ([token, file]) => {
        const code = await import("/frontend.js");
        const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
        const parts = [];
        const { avatar } = await code.upload(token, new File([bytes], "IMG_1.JPG"), (part) => parts.push(part));
        const { width, height } = await code.avatarPixels(avatar);
        const removed = await code.removeAvatar(token);
        return { size: bytes.length, width, height, last: parts.at(-1), removed: removed.avatar };
      },
      [token, file],
    );

    expect(result).toEqual({ size: expect.any(Number), width: 384, height: 512, last: 1, removed: null });
    expect(result.size).toBeGreaterThan(7_000_000);
  });

  test("repeats after a 503, twice", async ({ page, service }) => {
    const { token } = await service.member();
    let tries = 0;
    await page.route("**/get_profile/", (route) => {
      tries += 1;
      return route.fulfill(UNAVAILABLE);
    });

    const status = await page.evaluate(async (token) => {
      const code = await import("/frontend.js");
      return code.showProfile(token).catch((refusal) => refusal.status);
    }, token);

    expect(status).toBe(503);
    expect(tries).toBe(3);
  });

  test("goes on to the log-in where a sign-up's response was lost", async ({ page }) => {
    const { email, password } = newPerson();
    await page.route(
      "**/create_user/",
      async (route) => {
        expect((await route.fetch()).status()).toBe(201);
        await route.fulfill(UNAVAILABLE);
      },
      { times: 1 },
    );

    const outcome = await page.evaluate(
      async ([email, password]) => {
        const code = await import("/frontend.js");
        await code.signUp({ email, password });
        const again = await code.signUp({ email, password }).catch((refusal) => refusal.of("email"));
        return { token: await code.logIn({ login: email, password }), again };
      },
      [email, password],
    );

    expect(outcome).toEqual({
      token: expect.stringMatching(/^eyJ/),
      again: ["user with this email already exists."],
    });
  });
});

const UNAVAILABLE = {
  status: 503,
  headers: { "Retry-After": "0" },
  body: '{"detail":"Service temporarily unavailable, try again later."}',
};
