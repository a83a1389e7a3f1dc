// PNG files, read and written with every value as it is: a canvas multiplies colours by their
// opacity and rounds, so that what is faint comes back in other colours.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 }; // of the colour types without a palette
const PAETH = 4;

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

const SLICE = 12; // milliseconds
let begun = 0;

/** Lets the page go on, if what runs has run for long; without the delay of a timer. */
export async function breathe() {
  if (performance.now() - begun < SLICE) return;
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  begun = performance.now();
}

/** CRC-32 of several pieces of bytes, as PNG and zip have it. */
export function crc32(...pieces) {
  let sum = 0xffffffff;
  for (const bytes of pieces)
    for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/**
 * Reads a PNG of 8 or 16 bits that is neither interlaced nor of a palette.
 *
 * Returns `{ width, height, channels, data, names, profile }`: 8 bits a value, the names of its
 * chunks, and the bytes of its colour profile's one, or null.
 */
export async function readPng(blob) {
  const file = new Uint8Array(await blob.arrayBuffer());
  if (!SIGNATURE.every((byte, i) => file[i] === byte)) throw new Error("not a PNG");
  const view = new DataView(file.buffer);
  const [names, packed] = [[], []];
  let profile = null;
  for (let at = 8; at + 12 <= file.length; at += view.getUint32(at) + 12) {
    const name = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const content = file.subarray(at + 8, at + 8 + view.getUint32(at));
    names.push(name);
    if (name === "IDAT") packed.push(content);
    if (name === "iCCP") profile = content;
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, type, interlaced] = [file[24], file[25], file[28]];
  const channels = CHANNELS[type];
  if (!channels || depth < 8 || interlaced) throw new Error(`PNG of ${depth} bits, type ${type}`);
  const inflated = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const step = (channels * depth) / 8;
  const rows = new Uint8Array(await new Response(inflated).arrayBuffer());
  const data = await unfiltered(rows, width * step, height, step);
  const bytes = depth === 8 ? data : highBytes(data);
  return { width, height, channels, data: bytes, names, profile };
}

async function unfiltered(rows, length, height, step) {
  const data = new Uint8Array(length * height);
  let above = new Uint8Array(length);
  for (let y = 0; y < height; y++) {
    const from = y * (length + 1) + 1;
    const row = data.subarray(y * length, (y + 1) * length);
    row.set(rows.subarray(from, from + length));
    undo[rows[from - 1]](row, above, step);
    above = row;
    await breathe();
  }
  return data;
}

// What each of PNG's filters took from a row is added again.
const undo = [
  () => {},
  (row, above, step) => {
    for (let x = step; x < row.length; x++) row[x] += row[x - step];
  },
  (row, above) => {
    for (let x = 0; x < row.length; x++) row[x] += above[x];
  },
  (row, above, step) => {
    for (let x = 0; x < step; x++) row[x] += above[x] >> 1;
    for (let x = step; x < row.length; x++) row[x] += (row[x - step] + above[x]) >> 1;
  },
  (row, above, step) => {
    for (let x = 0; x < step; x++) row[x] += above[x];
    for (let x = step; x < row.length; x++)
      row[x] += paeth(row[x - step], above[x], above[x - step]);
  },
];

function paeth(left, up, corner) {
  const a = Math.abs(up - corner);
  const b = Math.abs(left - corner);
  const c = Math.abs(left + up - 2 * corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** 16 bits to the nearest 8: 65535 is 255 times 257. */
function highBytes(data) {
  return Uint8Array.from({ length: data.length / 2 }, (_, i) =>
    Math.round((data[2 * i] * 256 + data[2 * i + 1]) / 257),
  );
}

/** A PNG that is written row by row, so that a large one is never in memory unpacked. */
export class PngWriter {
  /** `channels`: 1 (grey), 3 (RGB) or 4 (RGBA, not premultiplied); `chunks`: `[name, bytes]`. */
  constructor(width, height, channels, chunks = [["sRGB", Uint8Array.of(0)]]) {
    const type = Number(Object.keys(CHANNELS).find((key) => CHANNELS[key] === channels));
    const header = new Uint8Array([...word32(width), ...word32(height), 8, type, 0, 0, 0]);
    this.parts = [Uint8Array.from(SIGNATURE), ...chunk("IHDR", header)];
    for (const [name, bytes] of chunks) this.parts.push(...chunk(name, bytes));
    [this.length, this.step] = [width * channels, channels];
    this.above = new Uint8Array(this.length);
    const packing = new CompressionStream("deflate");
    this.packing = packing.writable.getWriter();
    this.packed = this.#collect(packing.readable.getReader());
  }

  async #collect(reader) {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.parts.push(...chunk("IDAT", value));
    }
  }

  /** Takes some more rows: as many bytes as there are values. */
  async write(bytes) {
    const { length, step } = this;
    const filtered = new Uint8Array((bytes.length / length) * (length + 1));
    for (let from = 0, to = 0; from < bytes.length; from += length, to += length + 1) {
      const row = bytes.subarray(from, from + length);
      filtered[to] = PAETH;
      differences(row, this.above, step, filtered.subarray(to + 1));
      this.above = row.slice();
    }
    await this.packing.write(filtered);
  }

  async blob() {
    await this.packing.close();
    await this.packed;
    return new Blob([...this.parts, ...chunk("IEND", new Uint8Array())], { type: "image/png" });
  }
}

function differences(row, above, step, found) {
  for (let x = 0; x < step; x++) found[x] = row[x] - above[x];
  for (let x = step; x < row.length; x++)
    found[x] = row[x] - paeth(row[x - step], above[x], above[x - step]);
}

function chunk(name, bytes) {
  const letters = new TextEncoder().encode(name);
  return [word32(bytes.length), letters, bytes, word32(crc32(letters, bytes))];
}

function word32(value) {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
