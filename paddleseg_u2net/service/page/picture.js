// A picture: its file, what the service said of it, and its pixels while it is open.

import { PngWriter, breathe, readPng } from "./png.js";
import { Edits } from "./brush.js";
import { ask } from "./queue.js";

const STRIP = 2 ** 17; // pixels that are read or made at once, in whole rows

export class Picture {
  constructor(file) {
    this.file = file;
    this.name = file.name || "picture.png";
    this.state = "waiting"; // working, done, empty, failed
    this.message = ""; // of a failure
    this.notes = ""; // what the service said of the file, such as that one frame of many was taken
    this.presence = 0.5; // how sure the service must be that there is an object
    this.maskFile = this.coloursFile = null; // the service's answers
    this.edits = null; // the mask, once it was touched
    this.frame = null; // of the free crop
    this.pixels = null;
    this.opening = Promise.resolve(); // one after another
    this.gone = new AbortController();
  }

  get stem() {
    return this.name.replace(/\.[^.]*$/, "") || this.name;
  }

  get finished() {
    return this.state === "done" || this.state === "empty";
  }

  /** Decodes what there is of it, as it is to be seen: upright, in sRGB. */
  open() {
    const opened = this.opening.then(() => this.#open());
    const nothing = () => {}; // pixels would stay in memory with the promise of them
    this.opening = opened.then(nothing, nothing);
    return opened;
  }

  async #open() {
    const pixels = (this.pixels ??= new Pixels(await this.#seen()));
    if (this.maskFile && !pixels.found) await pixels.takeMask(this.maskFile);
    if (this.coloursFile && !pixels.colours) await pixels.takeColours(this.coloursFile);
    if (!pixels.found) return pixels;
    this.edits ??= new Edits(pixels, this.maskFile);
    if (this.edits.of !== this.maskFile) this.edits.rebase(pixels.found, this.maskFile);
    pixels.mask = this.edits.mask;
    return pixels;
  }

  /** The file as the browser decodes it, or put together of what the service makes of it. */
  async #seen() {
    try {
      return await decoded(this.file);
    } catch (error) {
      if (!this.finished) throw error;
      const parts = ["foreground", "background"].map((only) => ask(this, only));
      const [front, back] = await Promise.all(parts);
      return together(await readPng(front.blob), await readPng(back.blob));
    }
  }

  /** Frees the pixels, and the mask where it is only the service's. */
  close() {
    this.pixels = null;
    if (!this.edits?.touched) this.edits = null;
  }

  /** Forgets what the service said, to ask it again; not what was painted. */
  forget() {
    this.close();
    this.maskFile = this.coloursFile = null;
    [this.state, this.message] = ["waiting", ""];
  }
}

/** The files of a drop; of a folder those in it, and below it, that are called pictures. */
export async function dropped({ items, files }) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return [...files];
  const named = /\.(jpe?g|png|webp|avif|hei[cf]|tiff?|bmp|gif)$/i;
  const inside = (await Promise.all(entries.map(filesBelow))).flat();
  return inside.filter(({ name }) => named.test(name));
}

async function filesBelow(entry) {
  if (!entry?.isDirectory) return entry ? [await new Promise((...ends) => entry.file(...ends))] : [];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // It gives some at a time, and none at the end.
    const some = await new Promise((...ends) => reader.readEntries(...ends));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesBelow))).flat());
  }
}

class Pixels {
  constructor({ width, height, data }) {
    [this.width, this.height] = [width, height];
    this.own = new Uint8ClampedArray(data.buffer); // RGBA of the file
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
export function* strips({ left = 0, top = 0, width, height }, rows = Math.ceil(STRIP / width)) {
  for (let y = 0; y < height; y += rows)
    yield { left, top: top + y, width, height: Math.min(rows, height - y) };
}

/** A file or a blob as `{ width, height, data }`, RGBA. */
async function decoded(file) {
  return (await withOpacity(file)) ?? drawn(await createImageBitmap(file));
}

/** A PNG with opacity, exactly; null if it is none, or says more of its colours than they are. */
async function withOpacity(file) {
  const header = new Uint8Array(await file.slice(0, 26).arrayBuffer());
  if (header[1] !== 0x50 || header[2] !== 0x4e || header[25] !== 6) return null;
  const read = await readPng(file).catch(() => null);
  const others = ["iCCP", "gAMA", "cHRM", "cICP", "eXIf"];
  return read && !read.names.some((name) => others.includes(name)) ? read : null;
}

async function drawn(bitmap) {
  const { width, height } = bitmap;
  const data = new Uint8ClampedArray(width * height * 4);
  const canvas = new OffscreenCanvas(width, Math.min(Math.ceil(STRIP / width), height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (const strip of strips({ width, height })) {
    context.clearRect(0, 0, width, canvas.height);
    context.drawImage(bitmap, 0, -strip.top);
    data.set(context.getImageData(0, 0, width, strip.height).data, strip.top * width * 4);
    await breathe();
  }
  bitmap.close();
  return { width, height, data };
}

/** A picture of its foreground and its background, whose opacities are 1 together. */
async function together({ width, height, data, profile }, back) {
  const whole = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const share = data[i + 3] / 255;
    for (let c = 0; c < 3; c++) whole[i + c] = share * data[i + c] + (1 - share) * back.data[i + c];
    whole[i + 3] = 255;
  }
  const picture = { width, height, data: whole, profile };
  return profile ? { ...picture, data: await inSrgb(picture) } : picture;
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
  return (await drawn(await createImageBitmap(await writer.blob()))).data;
}

/** RGB of RGBA. */
export function everyColour(rows) {
  const found = new Uint8Array((rows.length / 4) * 3);
  for (let from = 0, to = 0; from < rows.length; from += 4, to += 3) {
    found[to] = rows[from];
    found[to + 1] = rows[from + 1];
    found[to + 2] = rows[from + 2];
  }
  return found;
}

function everyNth(data, step) {
  if (step === 1) return data;
  const found = new Uint8Array(data.length / step);
  for (let i = 0; i < found.length; i++) found[i] = data[i * step];
  return found;
}
