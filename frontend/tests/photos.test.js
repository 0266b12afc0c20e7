// Photos as phones take them: the page scales them down before it sends them.

import { expect, field, open, test } from "./fixtures.js";
import { photo, upright } from "./photo.js";
import { png } from "./png.js";

const picture = (page) => page.getByRole("img", { name: "Picture" });

test("a photo of 12 megapixels and 7 MB is scaled down, upright, and saved", async ({ page, service }) => {
  const buffer = upright(await photo(page, 4000, 3000), 6);
  expect(buffer.length).toBeGreaterThan(7_000_000);
  await open(page, await service.member());
  const update = page.waitForRequest("**/update_profile/");

  await field(page, "Choose a picture").setInputFiles({ name: "IMG_1.JPG", mimeType: "image/jpeg", buffer });

  await expect(page.getByText("The picture is saved.")).toBeVisible();
  const { "content-length": length } = await (await update).allHeaders();
  expect(Number(length)).toBeLessThan(4 << 20);
  await expect(picture(page)).toHaveJSProperty("naturalWidth", 384);
  await expect(picture(page)).toHaveJSProperty("naturalHeight", 512);
  // The camera was turned, so the left side of the file is the top of the picture.
  expect(await quadrants(page)).toEqual(["blue", "red", "yellow", "green"]);
});

test("a small file of too many pixels is scaled down", async ({ page, service }) => {
  await open(page, await service.member());
  // More than the service takes, as the test of its messages shows.
  const buffer = png(9000, 300, Buffer.alloc);

  await field(page, "Choose a picture").setInputFiles({ name: "wide.png", mimeType: "image/png", buffer });

  await expect(page.getByText("The picture is saved.")).toBeVisible();
  await expect(picture(page)).toHaveJSProperty("naturalWidth", 512);
});

/** The colors of the shown avatar's four quadrants, row by row. */
function quadrants(page) {
  return picture(page).evaluate((avatar) => {
    const canvas = new OffscreenCanvas(2, 2);
    const context = canvas.getContext("2d");
    context.drawImage(avatar, 0, 0, 2, 2);
    const { data } = context.getImageData(0, 0, 2, 2);
    const names = { red: [220, 30, 30], green: [30, 160, 30], blue: [30, 30, 220], yellow: [220, 220, 30] };
    return [0, 4, 8, 12].map((start) => {
      const pixel = data.slice(start, start + 3);
      const distance = ([, color]) => Math.hypot(...color.map((value, index) => value - pixel[index]));
      return Object.entries(names).sort((one, other) => distance(one) - distance(other))[0][0];
    });
  });
}
