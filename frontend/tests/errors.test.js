// The page shows every refusal and failure.

import { button, expect, field, heading, open, test } from "./fixtures.js";
import { png } from "./png.js";
import { claimsOf, newPerson } from "./service.js";

const notice = (page) => page.getByRole("alert").filter({ visible: true });

test("each wrong field has its message beside it, and the first has the focus", async ({ page }) => {
  await page.goto("/#sign-up");
  await field(page, "E-mail").fill("nobody");
  await field(page, "Password").fill("1234");
  await field(page, "Username optional").fill("a");

  await button(page, "Sign up").click();

  await expectError(page, "E-mail", "Enter a valid email address.");
  await expectError(
    page,
    "Password",
    /^This password is too short\. It must contain at least 5 characters\./,
  );
  await expectError(page, "Username optional", "Ensure this field has at least 3 characters.");
  await expect(field(page, "E-mail")).toBeFocused();
  await field(page, "E-mail").fill(newPerson().email);
  await button(page, "Sign up").click();
  await expect(field(page, "Password")).toBeFocused();
  await expect(field(page, "E-mail")).not.toHaveAttribute("aria-invalid");
  await expect(field(page, "E-mail")).toHaveAccessibleDescription("");
});

test("a taken address and username are told", async ({ page, service }) => {
  const { email, username, password } = await service.member();
  await page.goto("/#sign-up");
  await field(page, "E-mail").fill(email);
  await field(page, "Password").fill(password);
  await field(page, "Username optional").fill(username);

  await button(page, "Sign up").click();

  await expectError(page, "E-mail", "user with this email already exists.");
  await expectError(page, "Username optional", "A user with that username already exists.");
});

test("names that break a rule are told, and nothing is saved", async ({ page, service }) => {
  await open(page, await service.member());
  await field(page, "First name").fill("a\tb");
  await field(page, "Last name").fill("a".repeat(151));

  await button(page, "Save").click();

  await expectError(page, "First name", "Control characters are not allowed.");
  await expectError(page, "Last name", "Ensure this field has no more than 150 characters.");
  await expect(field(page, "First name")).toBeFocused();
  await expect(page.getByText("Saved.")).toBeHidden();
});

test("a wrong pair is refused as a whole", async ({ page, service }) => {
  const { email } = await service.member();
  await page.goto("/");
  await field(page, "E-mail or username").fill(email);
  await field(page, "Password").fill("wrong");

  await button(page, "Log in").click();

  await expect(notice(page)).toHaveText("Please provide right login and a password");
  await expect(field(page, "E-mail or username")).toBeFocused();
  await expect(field(page, "Password")).toHaveValue("wrong");
});

test("a lock-out is counted down, and the button comes back", async ({ page, service }) => {
  const { email, password } = await service.member();
  await page.clock.install();
  await page.goto("/");
  await service.failLogIns(email, 11);
  await field(page, "E-mail or username").fill(email);
  await field(page, "Password").fill(password);
  let requests = 0;
  page.on("request", () => {
    requests += 1;
  });

  await button(page, "Log in").click();

  const locked = page.getByRole("button", { name: /^Try again in \d+ s$/ });
  await expect(locked).toBeDisabled();
  await expect(locked).toBeFocused();
  await expect(notice(page)).toHaveText(
    "Too many log-in attempts. Wait until the button counts down to zero.",
  );
  const seconds = async () => Number(/\d+/.exec(await locked.textContent())[0]);
  const before = await seconds();
  await page.clock.fastForward(30_000);
  expect(await seconds()).toBeLessThanOrEqual(before - 30);
  expect(await seconds()).toBeGreaterThan(0);
  await locked.press("Enter");
  await button(page, "RU").click();
  await expect(page.getByRole("button", { name: /^Повторить через \d+ с$/ })).toBeDisabled();
  expect(requests).toBe(1);

  await page.clock.fastForward(40_000);

  await expect(button(page, "Войти")).toBeEnabled();
  await expect(notice(page)).toHaveText("Можно попробовать снова.");
});

test("an expired session leads to the log-in form", async ({ page, service }) => {
  const member = await service.member();

  await open(page, { token: service.expiredToken(member) });

  await expect(heading(page, "Log in")).toBeFocused();
  await expect(notice(page)).toHaveText("Your session has ended, please log in again.");
  await expect(button(page, "Log out")).toBeHidden();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

for (const [what, act] of Object.entries({
  save: async (page) => {
    await field(page, "First name").fill("Ada");
    await button(page, "Save").click();
  },
  upload: (page, service) => field(page, "Choose a picture").setInputFiles(service.picture),
})) {
  test(`a session that expires before the next ${what} ends there`, async ({ page, service }) => {
    const member = await service.member();
    await open(page, member);
    await expect(heading(page, "Your profile")).toBeVisible();
    // The service gets to see what it would see a day later.
    const authorization = `JWT ${service.expiredToken(member)}`;
    await page.route("**/update_profile/", (route) =>
      route.continue({ headers: { ...route.request().headers(), authorization } }),
    );

    await act(page, service);

    await expect(notice(page)).toHaveText("Your session has ended, please log in again.");
    await expect(heading(page, "Log in")).toBeFocused();
    await page.unrouteAll();
    await field(page, "E-mail or username").fill(member.email);
    await field(page, "Password").fill(member.password);
    await button(page, "Log in").click();
    await expect(field(page, "First name")).toHaveValue("");
  });
}

test("without a connection every action can be tried again", async ({ page, context, service }) => {
  const { email, password, claims } = await service.member();
  const unreachable = "The service cannot be reached. Check your connection and try again.";
  await page.goto("/");
  await field(page, "E-mail or username").fill(email);
  await field(page, "Password").fill(password);

  await context.setOffline(true);
  await button(page, "Log in").click();
  await expect(notice(page)).toHaveText(unreachable);
  await context.setOffline(false);
  await page.route("**/get_profile/", (route) => route.abort());
  await button(page, "Log in").click();
  await expect(heading(page, "Something went wrong")).toBeVisible();
  await expect(notice(page)).toHaveText(unreachable);
  await expect(button(page, "Try again")).toBeFocused();
  await page.unrouteAll();
  await button(page, "Try again").click();
  await expect(heading(page, "Your profile")).toBeFocused();
  const token = await page.evaluate(() => sessionStorage.getItem("token"));
  expect(claimsOf(token)).toEqual({ ...claims, exp: expect.any(Number) });

  await context.setOffline(true);
  await field(page, "First name").fill("Ada");
  await button(page, "Save").click();
  await expect(notice(page)).toHaveText(unreachable);
  await field(page, "Choose a picture").setInputFiles(service.picture);
  await expectError(page, "Choose a picture", new RegExp(`^${unreachable}`));
  await expect(page.getByRole("img", { name: "Picture" })).toBeHidden();
  await context.setOffline(false);
  await button(page, "Save").click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await expect(notice(page)).toBeHidden();
});

// `cargo dev` has engines that do not fail, so these responses are made up.
for (const { status, body, message } of [
  { status: 500, body: `{"detail":"A server error occurred."}`, message: "A server error occurred." },
  { status: 502, body: "<html>", message: "Something went wrong. Try again." },
  { status: 400, body: `{"detail":"News to everybody"}`, message: "News to everybody" },
]) {
  test(`a ${status} is told where it happens`, async ({ page, service }) => {
    const { email, password, token } = await service.member();
    const answer = { status, body };
    await page.goto("/#sign-up");
    await field(page, "E-mail").fill(email);
    await field(page, "Password").fill(password);
    await page.route("**/create_user/", (route) => route.fulfill(answer));
    await button(page, "Sign up").click();
    await expect(notice(page)).toHaveText(message);
    await expect(button(page, "Sign up")).toBeEnabled();

    await page.route("**/get_profile/", (route) => route.fulfill(answer));
    await open(page, { token });
    await expect(notice(page)).toHaveText(message);
    await page.unroute("**/get_profile/");
    await button(page, "Try again").click();

    await page.route("**/update_profile/", (route) => route.fulfill(answer));
    await field(page, "First name").fill(email);
    await button(page, "Save").click();
    await expect(notice(page)).toHaveText(message);
    await field(page, "Choose a picture").setInputFiles(service.picture);
    await expect(page.locator("#avatar-file-error")).toHaveText(message);

    await button(page, "Log out").click();
    await page.route("**/obtain_token/", (route) => route.fulfill(answer));
    await field(page, "E-mail or username").fill(email);
    await field(page, "Password").fill(password);
    await button(page, "Log in").click();
    await expect(notice(page)).toHaveText(message);
  });
}

test("an account whose first log-in fails is not signed up twice", async ({ page }) => {
  const { email, password } = newPerson();
  await page.goto("/#sign-up");
  await page.route("**/obtain_token/", (route) => route.abort());
  await field(page, "E-mail").fill(email);
  await field(page, "Password").fill(password);

  await button(page, "Sign up").click();

  await expect(notice(page)).toHaveText("Your account is ready. Log in.");
  await expect(field(page, "E-mail or username")).toHaveValue(email);
  await page.unrouteAll();
  await field(page, "Password").fill(password);
  await button(page, "Log in").click();
  await expect(heading(page, "Your profile")).toBeVisible();
});

test("a picture that is too large is refused before it is sent", async ({ page, service }) => {
  await open(page, await service.member());
  let uploads = 0;
  page.on("request", (request) => {
    uploads += request.method() === "PUT";
  });

  await field(page, "Choose a picture").setInputFiles(file(4 * 1024 * 1024 + 1));

  await expectError(page, "Choose a picture", /^Ensure this file is no larger than 4 MiB\./);
  await expect(field(page, "Choose a picture")).toBeFocused();
  expect(uploads).toBe(0);
  await field(page, "Choose a picture").setInputFiles(service.picture);
  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await expect(field(page, "Choose a picture")).not.toHaveAttribute("aria-invalid");
});

for (const [what, upload, message] of [
  ["too large", file(4 * 1024 * 1024 + 1), "Ensure this file is no larger than 4 MiB."],
  ["too large for a request", file(5_000_000), "Request body is too large."],
  ["empty", file(0), "The submitted file is empty."],
  [
    "not a picture",
    file(100),
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
  ],
  [
    "of too many pixels",
    { ...file(0), buffer: png(8193, 1, Buffer.alloc) },
    "Ensure this image is no larger than 8192x8192 pixels and 50 megapixels.",
  ],
]) {
  test(`what the service says of a file that is ${what} is shown`, async ({ page, service }) => {
    await open(page, await service.member());
    await field(page, "Choose a picture").setInputFiles(service.picture);
    await expect(page.getByText("The picture is saved.")).toBeVisible();
    const picture = page.getByRole("img", { name: "Picture" });
    const url = await picture.getAttribute("src");
    // Past the page's own checks.
    await page.evaluate(() => {
      Object.defineProperty(File.prototype, "size", { value: 1 });
      window.createImageBitmap = () => Promise.reject(new Error());
    });

    await field(page, "Choose a picture").setInputFiles(upload);

    await expect(page.locator("#avatar-file-error")).toHaveText(message);
    await expectError(page, "Choose a picture", new RegExp(`^${message}`));
    await expect(field(page, "Choose a picture")).toBeFocused();
    await expect(picture).toHaveAttribute("src", url);
    await expect(picture).toHaveJSProperty("naturalWidth", 256);
  });
}

test("something dropped that is no file is refused", async ({ page, service }) => {
  await open(page, await service.member());
  await expect(heading(page, "Your profile")).toBeVisible();
  const dataTransfer = await page.evaluateHandle(() => new DataTransfer());

  await page.locator("body").dispatchEvent("drop", { dataTransfer });

  await expectError(page, "Choose a picture", /^The submitted data was not a file\./);
});

function file(bytes) {
  return { name: "avatar.png", mimeType: "image/png", buffer: Buffer.alloc(bytes) };
}

/** Asserts that the field `name` is said to be wrong, and why. */
async function expectError(page, name, message) {
  await expect(field(page, name)).toHaveAttribute("aria-invalid", "true");
  await expect(field(page, name)).toHaveAccessibleDescription(message);
}
