// From signing up to logging out, in both languages.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import { button, expect, field, heading, open, test } from "./fixtures.js";
import { LANGUAGES } from "./languages.js";
import { png } from "./png.js";
import { newPerson } from "./service.js";

for (const [language, say] of Object.entries(LANGUAGES)) {
  test.describe(language, () => {
    test.use({ locale: say.locale });

    test("the whole journey succeeds", async ({ page, service }) => {
      const person = newPerson();
      const card = page.getByRole("region", { name: say.profile });
      const picture = card.getByRole("img");

      await page.goto("/");
      await expect(page.locator("html")).toHaveAttribute("lang", language);
      await page.getByRole("link", { name: say.signUpButton }).click();
      await expect(heading(page, say.signUp)).toBeFocused();
      await field(page, say.email).fill(person.email);
      await field(page, say.password).fill(person.password);
      await field(page, say.username).fill(person.username);
      await button(page, say.signUpButton).click();

      await expect(heading(page, say.profile)).toBeFocused();
      await expect(card).toContainText(person.email);
      await expect(field(page, say.firstName)).toHaveValue("");

      await field(page, say.firstName).fill(" Вася ");
      await field(page, say.lastName).fill("Пупкин");
      await button(page, say.save).click();
      await expect(page.getByText(say.saved)).toBeVisible();
      await expect(card).toContainText("Вася Пупкин");
      await button(page, say.save).click();
      await expect(page.getByText(say.unchanged)).toBeVisible();

      await field(page, say.choose).setInputFiles(service.picture);
      await expect(page.getByText(say.pictureSaved)).toBeVisible();
      await expect(picture).toHaveAttribute("src", new RegExp(`^${service.url}/avatars/`));
      await expect(picture).toHaveJSProperty("naturalWidth", 256);

      await page.reload();
      await expect(field(page, say.firstName)).toHaveValue("Вася");
      await expect(picture).toHaveJSProperty("naturalWidth", 256);
      await field(page, say.firstName).fill("");
      await button(page, say.save).click();
      await expect(page.getByText(say.saved)).toBeVisible();
      await button(page, say.remove).click();
      await expect(page.getByText(say.pictureRemoved)).toBeVisible();
      await expect(picture).toBeHidden();
      await expect(field(page, say.choose)).toBeFocused();

      await button(page, say.logOut).click();
      await expect(heading(page, say.logInTitle)).toBeFocused();
      await expect(page.getByRole("alert")).toHaveText(say.loggedOut);
      expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
      await expect(page.locator("body")).not.toContainText(person.email);

      for (const login of [person.username.toUpperCase(), person.email]) {
        await field(page, say.login).fill(login);
        await field(page, say.password).fill(person.password);
        await button(page, say.logIn).click();
        await expect(field(page, say.lastName)).toHaveValue("Пупкин");
        await button(page, say.logOut).click();
      }
    });
  });
}

test("only what has changed is sent", async ({ page, service }) => {
  await open(page, await service.member());
  await field(page, "First name").fill("Ada");
  await field(page, "Last name").fill("Byron");
  await button(page, "Save").click();
  await expect(page.getByText("Saved.")).toBeVisible();

  await field(page, "First name").fill(" ");
  await field(page, "Last name").fill(" Byron ");
  const update = page.waitForRequest("**/update_profile/");
  await button(page, "Save").click();

  expect((await update).postDataJSON()).toEqual({ first_name: null });
  await expect(page.getByText("Saved.")).toBeVisible();
});

test("a picture can be dropped anywhere on the page", async ({ page, service }) => {
  await open(page, await service.member());
  await field(page, "First name").fill("typed, not saved");
  const card = page.getByRole("region", { name: "Your profile" });
  const dataTransfer = await page.evaluateHandle((picture) => {
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "avatar.png"));
    return transfer;
  }, readFileSync(service.picture, "base64"));

  await heading(page, "Your profile").dispatchEvent("dragover", { dataTransfer });
  await expect(card).toHaveClass("card target");
  await heading(page, "Your profile").dispatchEvent("drop", { dataTransfer });

  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await expect(card).toHaveClass("card");
  await expect(card.getByRole("img")).toHaveJSProperty("naturalWidth", 256);
  await expect(field(page, "First name")).toHaveValue("typed, not saved");
});

test("an upload is previewed, and shows how far it has got", async ({ page, service }) => {
  await open(page, await service.member());
  const network = await page.context().newCDPSession(page);
  await network.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: 1 << 20,
  });
  const progress = page.getByRole("progressbar", { name: "Uploading…" });
  const picture = page.getByRole("img", { name: "Picture" });

  await field(page, "Choose a picture").setInputFiles(noise(1 << 20));

  await expect(picture).toHaveAttribute("src", /^blob:/);
  await expect(page.getByText("Uploading…")).toBeVisible();
  await expect.poll(() => progress.evaluate(({ value }) => value > 0 && value < 1)).toBe(true);
  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await expect(progress).toBeHidden();
  await expect(picture).toHaveAttribute("src", /^http:/);
});

test("logging out ends an upload", async ({ page, service }) => {
  const member = await service.member();
  await open(page, member);
  const network = await page.context().newCDPSession(page);
  const conditions = { offline: false, latency: 0, downloadThroughput: -1 };
  await network.send("Network.emulateNetworkConditions", { ...conditions, uploadThroughput: 1000 });
  const upload = page.waitForEvent("requestfailed");

  await field(page, "Choose a picture").setInputFiles(noise(1 << 20));
  await expect(page.getByText("Uploading…")).toBeVisible();
  await button(page, "Log out").click();

  expect((await upload).failure().errorText).toBe("net::ERR_ABORTED");
  await expect(page.getByRole("alert")).toHaveText("You are logged out.");
  await network.send("Network.emulateNetworkConditions", { ...conditions, uploadThroughput: -1 });
  await open(page, member);
  await expect(page.getByRole("img", { name: "Picture" })).toBeHidden();
});

test("the language can be switched at any time, and is remembered", async ({ page }) => {
  await page.goto("/#sign-up");
  await field(page, "E-mail").fill("nobody");
  await field(page, "Password").fill("12345");
  await button(page, "Sign up").click();
  await expect(field(page, "E-mail")).toHaveAccessibleDescription("Enter a valid email address.");

  await button(page, "RU").click();

  await expect(page.locator("html")).toHaveAttribute("lang", "ru");
  await expect(page).toHaveTitle("Аккаунты");
  await expect(button(page, "RU")).toHaveAttribute("aria-pressed", "true");
  await expect(field(page, "Электронная почта")).toHaveValue("nobody");
  await expect(field(page, "Электронная почта")).toHaveAccessibleDescription(
    "Введите правильный адрес электронной почты.",
  );
  await page.reload();
  await expect(heading(page, "Регистрация")).toBeVisible();
});

test("a password can be shown, until the form is used", async ({ page, service }) => {
  const { email, password } = await service.member();
  await page.goto("/");
  await field(page, "E-mail or username").fill(email);
  await field(page, "Password").fill(password);

  await button(page, "Show password").click();

  await expect(button(page, "Show password")).toHaveAttribute("aria-pressed", "true");
  await expect(field(page, "Password")).toHaveAttribute("type", "text");
  await button(page, "Log in").click();
  await button(page, "Log out").click();
  await expect(button(page, "Show password")).toHaveAttribute("aria-pressed", "false");
  await expect(field(page, "Password")).toHaveAttribute("type", "password");
});

test("what people call themselves is text", async ({ page, service }) => {
  await open(page, await service.member());
  const name = `<img src=x onerror=alert(1)><script>alert(2)</script>`;

  await field(page, "First name").fill(name);
  await button(page, "Save").click();

  await expect(page.getByText("Saved.")).toBeVisible();
  await expect(page.locator("#full-name")).toHaveText(name);
  await expect(page.locator("img")).toHaveCount(1);
});

test("every message of the service is known in Russian", async ({ page }) => {
  const documentation = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  const tables = documentation.split("\n").filter((line) => line.startsWith("| "));
  const messages = tables
    .flatMap((line) => Array.from(line.matchAll(/`([^`]+)`/g), ([, code]) => code))
    .map((code) => /^\{"\w+":\[?"(.*)"\]?\}$/.exec(code)?.[1].replaceAll('\\"', '"') ?? code)
    .filter((code) => /^[A-Zu][\w.]+ .* /.test(code));
  await page.goto("/");
  await button(page, "RU").click();

  const unknown = await page.evaluate(async (messages) => {
    const { serviceText } = await import("/language.js");
    return messages.filter((message) => serviceText(message) === message);
  }, messages);

  expect(unknown).toEqual([]);
  expect(messages.length).toBeGreaterThan(35);
});

/** A PNG of about `bytes` bytes. */
function noise(bytes) {
  const side = Math.ceil(Math.sqrt(bytes / 3));
  return { name: "noise.png", mimeType: "image/png", buffer: png(side, side, randomBytes) };
}
