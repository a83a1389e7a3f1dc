// Files that are saved: their names, and zips of them, which only store: pictures are packed already.

import { crc32 } from "./png.js";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8_NAMES = 1 << 11;
const MOST_FILES = 0xffff;
const MOST_BYTES = 0xffffffff;

/** A zip of `[{ name, blob }]`; null if there are more than its form without zip64 takes. */
export async function zip(files) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const { name, blob } of files) {
    const letters = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const entry = described(letters, blob.size, sum);
    parts.push(fields([LOCAL, 4], [VERSION, 2], ...entry), letters, blob);
    // Of the central entry: a comment, disk, attributes, all none; where the file begins.
    const rest = [[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]];
    directory.push(fields([CENTRAL, 4], [VERSION, 2], [VERSION, 2], ...entry, ...rest), letters);
    offset += 30 + letters.length + blob.size;
  }
  const length = directory.reduce((sum, bytes) => sum + bytes.length, 0);
  if (files.length > MOST_FILES || offset + length > MOST_BYTES) return null;
  const counts = [[0, 2], [0, 2], [files.length, 2], [files.length, 2]];
  const end = fields([END, 4], ...counts, [length, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** What a file's local and central entries have in common. */
function described(letters, size, sum) {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const date = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  const stored = 0;
  return [
    [UTF8_NAMES, 2], [stored, 2], [time, 2], [date, 2], [sum, 4],
    [size, 4], [size, 4], [letters.length, 2], [0, 2],
  ];
}

/** Numbers, each `[value, bytes]`, lowest byte first. */
function fields(...numbers) {
  const bytes = numbers.flatMap(([value, length]) =>
    Array.from({ length }, (_, i) => (value / 256 ** i) & 255),
  );
  return Uint8Array.from(bytes);
}

/** A name after a pattern, in which `{stem}` is the picture's own, that none of the others has. */
export function fileName(pattern, stem, suffix, others) {
  const filled = pattern.replaceAll("{stem}", stem).replace(/[\\/:*?"<>|\p{Cc}]/gu, "_").trim();
  const name = (n) => `${filled || stem}${n > 1 ? ` (${n})` : ""}${suffix}`;
  let n = 1;
  while (others.some((other) => other.name === name(n))) n++;
  return name(n);
}

/** Lets the browser save a file. */
export function save({ name, blob }) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
