// The reference at `/docs`, which has to work without the internet.

import { button, expect, field, test } from "./fixtures.js";

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
