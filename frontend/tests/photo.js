// Photos as a camera makes them.

/** A JPEG of some five bits a pixel, whose quadrants are red, green, blue and yellow. */
export async function photo(page, width, height) {
  await page.goto("/");
  const base64 = await page.evaluate(
    async ([width, height]) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      const colors = ["rgb(220 30 30)", "rgb(30 160 30)", "rgb(30 30 220)", "rgb(220 220 30)"];
      for (const [index, color] of colors.entries()) {
        context.fillStyle = color;
        context.fillRect(((index % 2) * width) / 2, ((index >> 1) * height) / 2, width / 2, height / 2);
      }
      const image = context.getImageData(0, 0, width, height);
      let noise = 1;
      for (let index = 0; index < image.data.length; index += 1) {
        noise = (Math.imul(noise, 1103515245) + 12345) >>> 0;
        image.data[index] += (noise >>> 26) - 32;
      }
      context.putImageData(image, 0, 0);
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
      const { promise, resolve } = Promise.withResolvers();
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(blob);
      return (await promise).split(",")[1];
    },
    [width, height],
  );
  return Buffer.from(base64, "base64");
}

/** `jpeg` with an Exif segment that says how the camera was held. */
export function upright(jpeg, orientation) {
  const exif = Buffer.from("4578696600004d4d002a0000000800010112000300000001" + "00".repeat(8), "hex");
  exif.writeUInt16BE(orientation, 24);
  const marker = Buffer.from([0xff, 0xe1, 0, exif.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), marker, exif, jpeg.subarray(2)]);
}
