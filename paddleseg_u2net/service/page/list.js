// The list of pictures: a small one of each, its state, and what can be done with it.

import { word } from "./words.js";
import { readPng } from "./png.js";

const SIDE = 144; // of the small pictures, in pixels

export class List {
  /** `select`, `remove` and `again` are called with a picture. */
  constructor({ select, remove, again }) {
    Object.assign(this, { select, remove, again });
    this.element = document.getElementById("list");
    this.items = new Map();
    this.drawing = Promise.resolve();
  }

  /** Brings a picture's item up to date; makes it if there is none. */
  update(picture, current) {
    const item = this.items.get(picture) ?? this.#make(picture);
    const { state, name, notes } = picture;
    if (item.state !== state && (state === "waiting" || picture.finished)) this.#thumb(picture);
    item.state = state;
    item.root.className = state;
    item.told.textContent = word(state) + (notes && " ⓘ");
    item.select.title = picture.message || notes || name;
    item.select.setAttribute("aria-current", picture === current);
    item.select.setAttribute("aria-label", `${word("said", { name, state: word(state) })} ${notes}`.trim());
    item.again.hidden = state !== "failed";
    for (const [button, key] of [[item.again, "retry_name"], [item.remove, "remove_name"]]) {
      button.setAttribute("aria-label", word(key, { name }));
      button.title = word(key, { name });
    }
  }

  /** Takes a picture's item away; the keyboard goes on at its neighbour. */
  take(picture) {
    const { root } = this.items.get(picture);
    const beside = root.nextElementSibling ?? root.previousElementSibling;
    this.items.delete(picture);
    root.remove();
    beside?.querySelector("button").focus();
  }

  /** Draws a picture's small one from a canvas. */
  draw(picture, source) {
    const canvas = this.items.get(picture)?.canvas;
    if (!canvas || !source.width) return;
    const scale = Math.min(SIDE / source.width, SIDE / source.height);
    canvas.width = Math.max(1, Math.round(source.width * scale));
    canvas.height = Math.max(1, Math.round(source.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
  }

  #make(picture) {
    const root = document.createElement("li");
    const [select, again, remove] = ["select", "again", "remove"].map((name) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.className = name;
      button.onclick = () => this[name](picture);
      return button;
    });
    const canvas = document.createElement("canvas");
    const name = Object.assign(document.createElement("span"), { className: "name" });
    name.textContent = picture.name;
    const told = Object.assign(document.createElement("span"), { className: "state" });
    [again.textContent, remove.textContent] = ["↻", "×"];
    select.append(canvas, name, told);
    root.append(select, again, remove);
    this.element.append(root);
    const item = { root, select, again, remove, canvas, told };
    this.items.set(picture, item);
    return item;
  }

  /** Draws a picture as its file and its mask are; one after another, since each is decoded. */
  #thumb(picture) {
    this.drawing = this.drawing
      .then(async () => {
        if (this.items.has(picture)) this.draw(picture, await small(picture));
      })
      .catch(() => {}); // It stays without a small picture; what is wrong is told elsewhere.
  }
}

async function small({ file, maskFile }) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  if (!maskFile) return canvas;
  const mask = await readPng(maskFile);
  const image = context.getImageData(0, 0, width, height);
  for (let y = 0, to = 3; y < height; y++)
    for (let x = 0; x < width; x++, to += 4) {
      const [column, row] = [Math.floor((x + 0.5) / scale), Math.floor((y + 0.5) / scale)];
      const at = Math.min(row, mask.height - 1) * mask.width + Math.min(column, mask.width - 1);
      image.data[to] *= mask.data[at * mask.channels] / 255;
    }
  context.putImageData(image, 0, 0);
  return canvas;
}
