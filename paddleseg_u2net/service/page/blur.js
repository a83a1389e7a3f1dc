// A picture's own background, blurred, with its foreground filled in from around it.

import { breathe } from "./png.js";
import { strips } from "./picture.js";

const WORKED_ON = 4; // deviation that is left of a blur where it is worked on, made small before
const LEAST = 1e-3; // a pixel of which less is background has no say in what is there

/**
 * The blurred background as a small canvas, to be stretched over the picture.
 *
 * `radius`: deviation of the Gaussian in per cent of the longer side.
 */
export async function blurred(pixels, radius) {
  const deviation = (radius / 100) * Math.max(pixels.width, pixels.height);
  const factor = Math.max(1, Math.floor(deviation / WORKED_ON));
  const small = await shrunk(pixels, factor);
  // The means of squares have blurred it already.
  const left = Math.sqrt(Math.max(0.01, (deviation / factor) ** 2 - (1 - 1 / factor ** 2) / 12));
  const { width, height, data } = await filled(small, left);
  const image = new ImageData(width, height);
  for (let i = 0; i < image.data.length; i += 4) {
    for (let c = 0; c < 3; c++) image.data[i + c] = data[i + c];
    image.data[i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Means over squares of colours times the background's share, and of that share (0 to 1). */
async function shrunk({ own, mask, width: wide, height: tall }, factor) {
  const [width, height] = [Math.ceil(wide / factor), Math.ceil(tall / factor)];
  const data = new Float32Array(width * height * 4);
  for (const strip of strips({ width: wide, height: tall }, factor)) {
    const row = (strip.top / factor) * width;
    for (let y = strip.top; y < strip.top + strip.height; y++)
      for (let x = 0, i = y * wide; x < wide; x++, i++) {
        const to = (row + Math.floor(x / factor)) * 4;
        const inSquare = strip.height * Math.min(factor, wide - x + (x % factor));
        const share = ((255 - mask[i]) * own[i * 4 + 3]) / 65025 / inSquare;
        for (let c = 0; c < 3; c++) data[to + c] += share * own[i * 4 + c];
        data[to + 3] += share;
      }
    await breathe();
  }
  return { width, height, data };
}

/** The blur's colours: where nothing is near, of a wider blur, little by little. */
async function filled(shown, deviation) {
  const { width, height } = shown;
  const found = await gaussian(shown, deviation);
  const { data } = found;
  let least = 1;
  for (let i = 3; i < data.length; i += 4) least = Math.min(least, data[i]);
  const far = least < 0.5 && Math.max(width, height) > 1;
  const wider = far ? await filled(halved(shown), deviation) : null;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i += 4) {
      const share = wider ? Math.min(1, data[i + 3] * 2) : 1;
      for (let c = 0; c < 3; c++) {
        data[i + c] = (data[i + c] / Math.max(data[i + 3], LEAST)) * share;
        if (share < 1) data[i + c] += (1 - share) * between(wider, (x + 0.5) / 2, (y + 0.5) / 2, c);
      }
    }
  return found;
}

/** A value at a place between pixels' middles, from the four around it. */
function between({ width, height, data }, x, y, c) {
  const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
  const [across, down] = [x - 0.5 - left, y - 0.5 - top];
  const value = (column, row) => {
    const [inX, inY] = [Math.min(width - 1, Math.max(0, column)), Math.min(height - 1, Math.max(0, row))];
    return data[(inY * width + inX) * 4 + c];
  };
  const above = value(left, top) * (1 - across) + value(left + 1, top) * across;
  const below = value(left, top + 1) * (1 - across) + value(left + 1, top + 1) * across;
  return above * (1 - down) + below * down;
}

function halved({ width: wide, height: tall, data }) {
  const [width, height] = [Math.ceil(wide / 2), Math.ceil(tall / 2)];
  const found = new Float32Array(width * height * 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const right = Math.min(wide - 1, 2 * x + 1);
      const rows = [2 * y, Math.min(tall - 1, 2 * y + 1)];
      for (let c = 0; c < 4; c++)
        for (const row of rows)
          found[(y * width + x) * 4 + c] +=
            (data[(row * wide + 2 * x) * 4 + c] + data[(row * wide + right) * 4 + c]) / 4;
    }
  return { width, height, data: found };
}

async function gaussian(shown, deviation) {
  const reach = Math.ceil(deviation * 4);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)),
  );
  const sum = weights.reduce((one, other) => one + other);
  const kernel = Float32Array.from(weights, (weight) => weight / sum);
  const { width, height } = shown;
  const across = await alongLines(shown.data, kernel, width, height, 4, width * 4);
  return { width, height, data: await alongLines(across, kernel, height, width, width * 4, 4) };
}

/** Weighted means along lines; beyond their ends, the values at the ends go on. */
async function alongLines(data, kernel, length, lines, step, line) {
  const found = new Float32Array(data.length);
  const reach = (kernel.length - 1) / 2;
  for (let k = 0; k < lines; k++) {
    for (let i = 0; i < length; i++)
      for (let j = -reach; j <= reach; j++) {
        const from = k * line + Math.min(length - 1, Math.max(0, i + j)) * step;
        const to = k * line + i * step;
        for (let c = 0; c < 4; c++) found[to + c] += kernel[j + reach] * data[from + c];
      }
    await breathe();
  }
  return found;
}
