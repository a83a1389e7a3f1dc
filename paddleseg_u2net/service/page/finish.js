// The finished picture: foreground, background, crop, and the file that is saved.

import { PngWriter, breathe } from "./png.js";
import { blurred } from "./blur.js";
import { everyColour, strips } from "./picture.js";

/** What can be saved: which of it this browser can write is seen at the start. */
export const FORMATS = {
  png: { type: "image/png", suffix: ".png" },
  webp: { type: "image/webp", suffix: ".webp", lossy: true },
  jpeg: { type: "image/jpeg", suffix: ".jpg", lossy: true, opaque: true },
};

/** The names of the formats that the browser's canvas can write; PNG is written here. */
export async function writable() {
  const canvas = new OffscreenCanvas(1, 1);
  canvas.getContext("2d");
  const tried = Object.entries(FORMATS).map(async ([name, { type }]) => {
    const blob = await canvas.convertToBlob({ type }).catch(() => null);
    return name === "png" || blob?.type === type ? name : null;
  });
  return (await Promise.all(tried)).filter(Boolean);
}

/**
 * What lies behind a picture's foreground within a box: `{}` (nothing), `{ colour }`, or
 * `{ paint }`, which paints it on a context where the picture's corner is at 0, 0.
 */
export async function backdrop(pixels, box, { background, format }) {
  const { kind, colour, image, radius } = background;
  if (kind === "colour") return { colour };
  if (kind === "image" && image) return { paint: covering(box, image) };
  if (kind === "blur") return { paint: stretched(await blurred(pixels, radius), pixels, box) };
  return FORMATS[format].opaque ? { colour: "#ffffff" } : {};
}

/** An image at a box's size, in its middle; what is too much of it is cut off. */
function covering({ left, top, width, height }, image) {
  const scale = Math.max(width / image.width, height / image.height);
  const [w, h] = [image.width * scale, image.height * scale];
  return (context) =>
    context.drawImage(image, left + (width - w) / 2, top + (height - h) / 2, w, h);
}

/** A small canvas at the picture's size; its edges go on to the box's. */
function stretched(small, pixels, box) {
  const spans = (length, size, from, to) => [
    [0, 1, from, -from],
    [0, length, 0, size],
    [length - 1, 1, size, to - size],
  ];
  const across = spans(small.width, pixels.width, box.left, box.left + box.width);
  const down = spans(small.height, pixels.height, box.top, box.top + box.height);
  return (context) => {
    for (const [y, h, top, height] of down)
      for (const [x, w, left, width] of across)
        if (width > 0 && height > 0)
          context.drawImage(small, x, y, w, h, left, top, width, height);
  };
}

/** The finished file of a picture's box, as `settings` say. */
export async function finished(pixels, box, settings) {
  const { format, quality } = settings;
  const { type, opaque } = FORMATS[format];
  const behind = await backdrop(pixels, box, settings);
  const whole = Boolean(behind.colour) || settings.background.kind === "blur";
  const file = format === "png" ? pngFile(box, whole) : canvasFile(box, type, quality, opaque);
  const below = rowsOf(behind);
  for (const strip of strips(box)) {
    const rows = pixels.cut(strip);
    if (below) over(rows, below(strip));
    await file.write(rows, strip.top - box.top);
    await breathe();
  }
  return file.blob();
}

/** A function that gives the background's RGBA of a strip, or null. */
function rowsOf({ colour, paint }) {
  if (!colour && !paint) return null;
  return ({ left, top, width, height }) => {
    const strip = new OffscreenCanvas(width, height);
    const context = strip.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.translate(-left, -top);
    context.fillStyle = colour ?? "transparent";
    context.fillRect(left, top, width, height);
    paint?.(context);
    return context.getImageData(0, 0, width, height).data;
  };
}

/** Lays rows over others, in place; neither is premultiplied. */
function over(rows, below) {
  for (let i = 0; i < rows.length; i += 4) {
    const front = rows[i + 3] / 255;
    const back = below[i + 3] / 255;
    const alpha = front + back * (1 - front);
    if (!alpha) continue;
    for (let c = 0; c < 3; c++)
      rows[i + c] = (rows[i + c] * front + below[i + c] * back * (1 - front)) / alpha;
    rows[i + 3] = alpha * 255;
  }
}

function pngFile({ width, height }, whole) {
  const writer = new PngWriter(width, height, whole ? 3 : 4);
  return {
    write: (rows) => writer.write(whole ? everyColour(rows) : rows),
    blob: () => writer.blob(),
  };
}

function canvasFile({ width, height }, type, quality, opaque) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  if (opaque) context.fillRect(0, 0, width, height);
  return {
    write: (rows, top) => {
      const strip = new ImageData(rows, width);
      if (!opaque) return context.putImageData(strip, 0, top);
      const part = new OffscreenCanvas(width, strip.height);
      part.getContext("2d").putImageData(strip, 0, 0);
      return context.drawImage(part, 0, top);
    },
    blob: () => canvas.convertToBlob({ type, quality: quality / 100 }),
  };
}
