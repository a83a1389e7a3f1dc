// The brush: strokes on a mask at the picture's own resolution, the way back, and the hand.

import { word } from "./words.js";

const MOST_KEPT = 96 * 2 ** 20; // bytes of steps that can be undone

export class Edits {
  /** `of`: the file that the mask is from. */
  constructor({ width, height, found }, of) {
    [this.width, this.height] = [width, height];
    [this.found, this.of] = [found, of];
    this.mask = found.slice();
    this.painted = false; // further back than can be undone
    this.saved = false; // in a file
    this.done = []; // patches, each of what was there before
    this.undone = [];
    this.stroke = null;
  }

  get touched() {
    return this.painted || this.done.length + this.undone.length > 0;
  }

  /** Begins a stroke towards `value` (0 erases, 255 keeps); sizes are in the picture's pixels. */
  begin(value, radius, soft) {
    const edge = Math.max(radius * soft, 1);
    const { width, height } = this;
    this.stroke = { value, radius: Math.max(radius, 0.5), edge, box: null };
    this.stroke.before = this.mask.slice();
    this.stroke.covered = new Uint8Array(width * height);
  }

  /**
   * Goes on from one point to the next. A pixel is covered by how near its middle is to the line:
   * whole up to the edge's begin, half in the middle of the edge; passing twice covers no more.
   * Returns the box that changed.
   */
  line(from, to) {
    const { value, radius, edge, before, covered } = this.stroke;
    const box = this.#around(from, to, radius + edge / 2);
    if (!box) return null;
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const squared = dx * dx + dy * dy;
    for (let y = box.top; y < box.top + box.height; y++)
      for (let x = box.left; x < box.left + box.width; x++) {
        const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
        const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const share = Math.round(255 * Math.min(1, (radius + edge / 2 - distance) / edge));
        const i = y * this.width + x;
        if (share <= covered[i]) continue;
        covered[i] = share;
        this.mask[i] = Math.round(before[i] + (share * (value - before[i])) / 255);
      }
    this.stroke.box = union(this.stroke.box, box);
    return box;
  }

  end() {
    const { box, before } = this.stroke;
    this.stroke = null;
    if (box) this.#remember({ box, bytes: copied(before, this.width, box) });
  }

  /** Ends a stroke as if it had not been; returns the box that changes. */
  cancel() {
    this.end();
    const box = this.undo();
    this.undone.pop();
    return box;
  }

  /** Goes back to the mask that the service gave, which can be undone too. */
  reset() {
    this.#remember({ box: this.#whole(), bytes: this.mask.slice() });
    this.mask.set(this.found);
    return this.#whole();
  }

  /** Goes over to another mask of the service. What was painted stays, and is not undone. */
  rebase(found, of) {
    if (this.stroke) this.end();
    for (let i = 0; i < found.length; i++)
      if (this.mask[i] === this.found[i]) this.mask[i] = found[i];
    this.painted = this.touched;
    this.done.length = this.undone.length = 0;
    [this.found, this.of] = [found, of];
  }

  /** Returns the box that changed, or null where there is nothing to undo. */
  undo() {
    return this.#swap(this.done, this.undone);
  }

  redo() {
    return this.#swap(this.undone, this.done);
  }

  #swap(from, to) {
    const patch = from.pop();
    if (!patch) return null;
    const { box, bytes } = patch;
    to.push({ box, bytes: copied(this.mask, this.width, box) });
    for (let y = 0; y < box.height; y++) {
      const row = bytes.subarray(y * box.width, (y + 1) * box.width);
      this.mask.set(row, (box.top + y) * this.width + box.left);
    }
    return box;
  }

  #remember(patch) {
    this.saved = false;
    this.undone.length = 0;
    this.done.push(patch);
    let kept = this.done.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (; kept > MOST_KEPT && this.done.length > 1; this.painted = true)
      kept -= this.done.shift().bytes.length;
  }

  #around(from, to, reach) {
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
    const right = Math.min(this.width, Math.ceil(Math.max(from.x, to.x) + reach));
    const bottom = Math.min(this.height, Math.ceil(Math.max(from.y, to.y) + reach));
    if (right <= left || bottom <= top) return null;
    return { left, top, width: right - left, height: bottom - top };
  }

  #whole() {
    return { left: 0, top: 0, width: this.width, height: this.height };
  }
}

/** The smallest box around two; either may be null. */
export function union(one, other) {
  if (!one || !other) return one ?? other;
  const left = Math.min(one.left, other.left);
  const top = Math.min(one.top, other.top);
  const width = Math.max(one.left + one.width, other.left + other.width) - left;
  const height = Math.max(one.top + one.height, other.top + other.height) - top;
  return { left, top, width, height };
}

function copied(bytes, width, box) {
  const found = new Uint8Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = (box.top + y) * width + box.left;
    found.set(bytes.subarray(from, from + box.width), y * box.width);
  }
  return found;
}

const KEYS = { keep: "k", erase: "e", smaller: "[", larger: "]" };
const [STEP, LONG_STEP] = [8, 40]; // of the arrow keys, in the screen's pixels

/** The brush over the picture, moved by a pointer or by keys. */
export class Brush {
  /**
   * `changed()` is called after each stroke and step back, `choose(name)` for what a key chose,
   * `say(text)` for what is to be told.
   */
  constructor(stage, { changed, choose, say }) {
    Object.assign(this, { stage, changed, choose, say });
    this.easel = document.getElementById("easel");
    this.tip = document.getElementById("tip");
    this.edits = null;
    this.mode = "erase";
    [this.size, this.soft] = [40, 0.3]; // across, in the screen's pixels; share of the radius
    this.at = null; // in the picture's pixels
    this.dirty = null;
    this.#listenToPointer();
    this.easel.addEventListener("keydown", (event) => this.#key(event));
    this.easel.addEventListener("focus", () => {
      if (this.edits && this.easel.matches(":focus-visible")) this.#to(this.at ?? this.#middle);
    });
    this.easel.addEventListener("blur", () => this.#up());
    this.stage.sheet.addEventListener("zoomed", () => this.#showTip());
  }

  /** Takes another picture's edits; null: there is nothing to paint on. */
  take(edits) {
    if (edits === this.edits) return;
    this.#up();
    this.edits = edits;
    this.at = null;
    this.#showTip();
  }

  /** `undo`, `redo` or `reset`. */
  back(how) {
    this.#up();
    this.#repaint(this.edits?.[how]());
  }

  async #repaint(box) {
    if (!box) return;
    await this.stage.repaint(box);
    this.changed();
  }

  get #middle() {
    return { x: this.edits.width / 2, y: this.edits.height / 2 };
  }

  #down(place) {
    if (!this.edits || this.edits.stroke) return;
    const radius = this.size / 2 / this.stage.zoom;
    this.edits.begin(this.mode === "keep" ? 255 : 0, radius, this.soft);
    this.at = place;
    this.#to(place);
  }

  /** Moves the brush, which paints if it is down. */
  #to(place) {
    const from = this.at ?? place;
    this.at = place;
    this.#showTip();
    if (!this.edits?.stroke) return;
    const box = this.edits.line(from, place);
    if (!this.dirty) requestAnimationFrame(() => this.#show());
    this.dirty = union(this.dirty, box) ?? { left: 0, top: 0, width: 0, height: 0 };
  }

  #show() {
    if (this.dirty?.width) this.stage.repaint(this.dirty);
    this.dirty = null;
  }

  #up() {
    if (!this.edits?.stroke) return;
    this.edits.end();
    this.#show();
    this.changed();
  }

  #showTip() {
    const { tip, at, size, stage } = this;
    tip.hidden = !at;
    if (!at || !stage.pixels) return;
    const across = size / stage.zoom;
    const [left, top] = [at.x - across / 2, at.y - across / 2];
    stage.lay(tip, { left, top, width: across, height: across });
    tip.classList.toggle("down", Boolean(this.edits?.stroke));
  }

  #listenToPointer() {
    const { easel, stage } = this;
    easel.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      easel.focus({ preventScroll: true });
      easel.setPointerCapture(event.pointerId);
      this.#down(stage.place(event));
    });
    easel.addEventListener("pointermove", (event) => {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.#to(stage.place(one));
    });
    easel.addEventListener("pointerup", () => this.#up());
    // A second finger came: it is to zoom.
    easel.addEventListener("pointercancel", () => {
      if (this.edits?.stroke) this.#repaint(this.edits.cancel());
    });
    easel.addEventListener("pointerleave", () => {
      if (this.edits?.stroke) return;
      this.at = null;
      this.#showTip();
    });
  }

  #key(event) {
    const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (ctrlKey || metaKey || altKey || !this.edits) return;
    const step = (shiftKey ? LONG_STEP : STEP) / this.stage.zoom;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const { width, height } = this.edits;
    const chosen = Object.keys(KEYS).find((name) => KEYS[name] === key.toLowerCase());
    if (moves[key]) {
      const { x, y } = this.at ?? this.#middle;
      const [dx, dy] = moves[key].map((sign) => sign * step);
      this.#to({ x: inside(x + dx, width), y: inside(y + dy, height) });
      this.tip.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (key === " ") {
      if (this.edits.stroke) this.#up();
      else this.#down(this.at ?? this.#middle);
      this.#showTip();
      this.say(word(this.edits.stroke ? "brush_down" : "brush_up"));
    } else if (chosen) this.choose(chosen);
    else return;
    event.preventDefault();
  }
}

function inside(value, length) {
  return Math.min(length, Math.max(0, value));
}
