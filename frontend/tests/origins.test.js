// The same files on another origin than the API's.

import { readFileSync } from "node:fs";

import { button, expect, field, heading, test as base, watch } from "./fixtures.js";
import { Service, StaticHost, newPerson } from "./service.js";

const test = base.extend({
  host: async ({}, use) => {
    const host = await StaticHost.start();
    await use(host);
    host.stop();
  },
});

test("a page of any origin may use the API", async ({ page, service, host }) => {
  host.apiUrl = service.url;
  const preflights = await watchPreflights(page);

  await takeTheJourney(page, service, host);

  expect(preflights).toEqual([
    `204 ${service.url}/create_user/`,
    `204 ${service.url}/obtain_token/`,
    `204 ${service.url}/get_profile/`,
    `204 ${service.url}/update_profile/`,
  ]);
});

test("a page of any origin may draw an avatar on a canvas", async ({ page, service, host }) => {
  await page.goto(host.url);
  const form = new FormData();
  form.set("avatar", new Blob([readFileSync(service.picture)]));
  const { token } = await service.member();
  const response = await fetch(`${service.url}/update_profile/`, {
    method: "PUT",
    headers: { Authorization: `JWT ${token}` },
    body: form,
  });

  const opacity = await page.evaluate(
    async (avatar) => {
      const image = new Image();
      image.crossOrigin = "anonymous";
      image.src = avatar;
      await image.decode();
      const context = document.createElement("canvas").getContext("2d");
      context.drawImage(image, 0, 0);
      return context.getImageData(9, 9, 1, 1).data[3];
    },
    (await response.json()).avatar,
  );

  expect(opacity).toBe(255);
});

test("a page of a listed origin may use the API, and no other", async ({ browser, host }) => {
  const stranger = await StaticHost.start();
  const service = await Service.start({ ALLOWED_ORIGINS: `https://app.example.com,${host.url}` });
  host.apiUrl = service.url;
  stranger.apiUrl = service.url;
  try {
    const page = await browser.newPage();
    const complaints = watch(page);
    await takeTheJourney(page, service, host);
    expect(complaints).toEqual([]);

    const refused = watch(page);
    const { email, password } = await service.member();
    await page.goto(stranger.url);
    await field(page, "E-mail or username").fill(email);
    await field(page, "Password").fill(password);
    await button(page, "Log in").click();
    await expect(page.getByRole("alert").filter({ visible: true })).toHaveText(
      "The service cannot be reached. Check your connection and try again.",
    );
    expect(refused).toEqual([
      `Access to XMLHttpRequest at '${service.url}/obtain_token/' from origin '${stranger.url}' has been blocked by CORS policy: Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.`,
    ]);
    await page.close();
  } finally {
    await service.stop();
    stranger.stop();
  }
});

async function takeTheJourney(page, service, host) {
  const { email, password } = newPerson();
  await page.goto(`${host.url}/#sign-up`);
  await field(page, "E-mail").fill(email);
  await field(page, "Password").fill("1");
  await button(page, "Sign up").click();
  await expect(field(page, "Password")).toHaveAttribute("aria-invalid", "true");
  await field(page, "Password").fill(password);
  await button(page, "Sign up").click();
  await field(page, "First name").fill("Ada");
  await button(page, "Save").click();
  await expect(page.getByText("Saved.")).toBeVisible();
  await field(page, "Choose a picture").setInputFiles(service.picture);
  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await expect(page.getByRole("img", { name: "Picture" })).toHaveJSProperty("naturalWidth", 256);
  await button(page, "Log out").click();

  // How long to wait is in a header, which a page of another origin may not read by itself.
  await service.failLogIns(email, 11);
  await field(page, "E-mail or username").fill(email);
  await field(page, "Password").fill(password);
  await button(page, "Log in").click();
  await expect(page.getByRole("button", { name: /^Try again in \d+ s$/ })).toBeDisabled();
  await expect(heading(page, "Log in")).toBeVisible();
}

/** Collects status and URL of each preflight; Playwright itself does not tell of them. */
async function watchPreflights(page) {
  const network = await page.context().newCDPSession(page);
  const urls = new Map();
  const preflights = [];
  network.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.method === "OPTIONS") {
      urls.set(requestId, request.url);
    }
  });
  network.on("Network.responseReceived", ({ requestId, response }) => {
    if (urls.has(requestId)) {
      preflights.push(`${response.status} ${urls.get(requestId)}`);
    }
  });
  await network.send("Network.enable");
  return preflights;
}
