// A picture: its file, what the service said of it, and its pixels while it is open.

import { PngWriter, breathe, readPng } from "./png.js";
import { Edits } from "./brush.js";

const STRIP = 128; // rows that are read or made at once

export class Picture {
  constructor(file) {
    this.file = file;
    this.name = file.name || "picture.png";
    this.state = "waiting"; // working, done, empty, failed
    this.message = ""; // of a failure
    this.presence = 0.5; // what the service must be sure of
    this.maskFile = this.coloursFile = null; // the service's answers
    this.edits = null; // the mask, once it was touched
    this.frame = null; // of the free crop
    this.pixels = null;
    this.gone = new AbortController();
  }

  get stem() {
    return this.name.replace(/\.[^.]*$/, "") || this.name;
  }

  get finished() {
    return this.state === "done" || this.state === "empty";
  }

  /** Decodes what there is of it, as the browser shows it: upright, in sRGB. */
  async open() {
    const pixels = (this.pixels ??= new Pixels(await decoded(this.file)));
    if (this.maskFile && !pixels.found) await pixels.takeMask(this.maskFile);
    if (this.coloursFile && !pixels.colours) await pixels.takeColours(this.coloursFile);
    if (pixels.found) pixels.mask = (this.edits ??= new Edits(pixels)).mask;
    return pixels;
  }

  /** Frees the pixels, and the mask where it is only the service's. */
  close() {
    this.pixels = null;
    if (!this.edits?.touched) this.edits = null;
  }

  /** Forgets what the service said, to ask it again. */
  forget() {
    this.close();
    this.maskFile = this.coloursFile = this.edits = null;
    [this.state, this.message] = ["waiting", ""];
  }
}

class Pixels {
  constructor({ width, height, data }) {
    [this.width, this.height] = [width, height];
    this.own = data; // RGBA of the file
    this.found = null; // the service's mask, a byte a pixel
    this.mask = null; // the same as it was edited
    this.colours = null; // RGBA of the foreground without the old background's light
  }

  async takeMask(file) {
    const read = await readPng(file);
    this.#mustFit(read);
    this.found = everyNth(read.data, read.channels);
  }

  async takeColours(file) {
    const read = await readPng(file);
    this.#mustFit(read);
    if (read.channels !== 4) return;
    this.colours = read.profile ? await inSrgb(read) : read.data;
  }

  #mustFit({ width, height }) {
    if (width === this.width && height === this.height) return;
    throw new SizeError({ w: width, h: height, w2: this.width, h2: this.height });
  }

  /**
   * The foreground as it is now, RGBA, not premultiplied, of a box of the picture.
   *
   * Where the brush kept more than the service, the foreground's colour goes over to the
   * picture's own, since it is the picture that is wanted back. Beyond the picture is nothing.
   */
  cut({ left, top, width, height }) {
    const { own, found, mask, colours } = this;
    const out = new Uint8ClampedArray(width * height * 4);
    for (let y = Math.max(0, top); y < Math.min(this.height, top + height); y++) {
      const first = Math.max(0, left);
      let i = y * this.width + first;
      let to = ((y - top) * width + first - left) * 4;
      for (let x = first; x < Math.min(this.width, left + width); x++, i++, to += 4) {
        const from = i * 4;
        const alpha = Math.round((mask[i] * own[from + 3]) / 255);
        if (!alpha) continue;
        out[to + 3] = alpha;
        const kept = found[i] < 255 ? Math.max(0, (mask[i] - found[i]) / (255 - found[i])) : 0;
        const seen = colours && found[i] ? colours : own;
        for (let c = 0; c < 3; c++)
          out[to + c] = seen[from + c] + kept * (own[from + c] - seen[from + c]);
      }
    }
    return out;
  }
}

export class SizeError extends Error {
  constructor(sizes) {
    super("another size");
    this.sizes = sizes;
  }
}

/** The boxes of a picture, or of a box of it, from top to bottom. */
export function* strips({ left = 0, top = 0, width, height }, rows = STRIP) {
  for (let y = 0; y < height; y += rows)
    yield { left, top: top + y, width, height: Math.min(rows, height - y) };
}

/** A file or a blob as `{ width, height, data }`, RGBA. */
async function decoded(file) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const data = new Uint8ClampedArray(width * height * 4);
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (const strip of strips({ width, height })) {
    context.clearRect(0, 0, width, STRIP);
    context.drawImage(bitmap, 0, -strip.top);
    data.set(context.getImageData(0, 0, width, strip.height).data, strip.top * width * 4);
    await breathe();
  }
  bitmap.close();
  return { width, height, data };
}

/**
 * Colours of another profile as sRGB's. The browser converts them, from a PNG without opacity:
 * from one with it they would come rounded.
 */
async function inSrgb({ width, height, data, profile }) {
  const writer = new PngWriter(width, height, 3, [["iCCP", profile]]);
  for (const strip of strips({ width, height })) {
    const rows = data.subarray(strip.top * width * 4, (strip.top + strip.height) * width * 4);
    await writer.write(everyColour(rows));
    await breathe();
  }
  return (await decoded(await writer.blob())).data;
}

function everyColour(rows) {
  const found = new Uint8Array((rows.length / 4) * 3);
  for (let from = 0, to = 0; from < rows.length; from++) if (from % 4 < 3) found[to++] = rows[from];
  return found;
}

function everyNth(data, step) {
  if (step === 1) return data;
  const found = new Uint8Array(data.length / step);
  for (let i = 0; i < found.length; i++) found[i] = data[i * step];
  return found;
}
