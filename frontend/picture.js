// Makes a picture fit for an upload: a phone takes larger ones than the service.

/** The service's limit on a file, in bytes. */
export const MAX_BYTES = 4 << 20;

/** The longest side of an upload, in pixels: four times that of an avatar. */
const MAX_SIDE = 2048;

// The first bytes of a file, because its name and its type may say anything.
const TAKEN = /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF.{4}WEBP)/s;
const HEIC = /^.{4}ftyp(hei|hev|mif1|msf1)/s;

/** A photo in HEIC, which this browser cannot decode. */
export class HeicError extends Error {}

/**
 * Returns `file`, or a smaller JPEG of it where it is too large or in a format that only browsers take.
 *
 * Returns a file that this browser cannot decode as it is: the service says what is wrong with it.
 */
export async function fit(file) {
  let head = "";
  let bitmap;
  try {
    head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (HEIC.test(head)) {
      throw new HeicError();
    }
    return file;
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const fits = scale === 1 && file.size <= MAX_BYTES && TAKEN.test(head);
  const jpeg = fits ? null : await toJpeg(bitmap, scale);
  bitmap.close();
  return jpeg ?? file;
}

/** Resolves to `null` where there is not enough memory. */
function toJpeg(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  // A JPEG has no transparency; without a ground it would become black.
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
