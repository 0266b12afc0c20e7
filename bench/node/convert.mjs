// Does with libvips what the program `convert` does with `avatar`: `node convert.mjs EFFORT PICTURE`.

import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

// The same bytes again are a new picture to a server.
sharp.cache(false);
const [effort, picture] = process.argv.slice(2);
const upload = readFileSync(picture);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now();
  const avatar = await sharp(upload)
    .rotate()
    .resize(512, 512, { fit: "inside", withoutEnlargement: true })
    .webp({ quality: 80, effort: Number(effort) })
    .toBuffer();
  const time = performance.now() - started;
  writeFileSync(line, avatar);
  console.log(time);
}
