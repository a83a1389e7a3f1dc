// What of a picture is kept: all of it, the object with a margin, or a frame that is drawn.

const OBJECT = 127; // more opaque than this is the object
const SEEN = 12; // and what is softer and hangs on it, down to this, as everywhere in the project

/** The box that is kept, which may reach beyond the picture; null where there is no object. */
export function cropBox(picture, { mode, margin }) {
  const { pixels } = picture;
  const { width, height } = pixels;
  if (mode === "free" && picture.frame) return picture.frame;
  if (mode !== "object") return { left: 0, top: 0, width, height };
  const box = objectBox(pixels);
  if (!box) return null;
  const [across, down] = [box.width, box.height].map((side) =>
    Math.floor((side * margin) / 100 + 0.5),
  );
  return {
    left: box.left - across,
    top: box.top - down,
    width: box.width + 2 * across,
    height: box.height + 2 * down,
  };
}

/** The box of all parts that hang together and are somewhere more than half opaque, or null. */
export function objectBox({ mask, width, height }) {
  let above = [];
  const parts = [];
  for (let y = 0; y < height; y++) {
    const here = runs(mask, y, width);
    for (let i = 0, j = 0; i < here.length && j < above.length; ) {
      // Corners that touch hang together, too.
      if (here[i].left <= above[j].right && above[j].left <= here[i].right) {
        const [one, other] = [root(here[i].part), root(above[j].part)];
        if (one !== other) (one.of = other).grow(one);
      }
      if (here[i].right < above[j].right) i++;
      else j++;
    }
    parts.push(...here.map(({ part }) => part));
    above = here;
  }
  const sure = parts.filter((part) => !part.of && part.sure);
  if (!sure.length) return null;
  const all = new Part(sure[0]);
  sure.forEach((part) => all.grow(part));
  const { left, top, right, bottom } = all;
  return { left, top, width: right - left, height: bottom - top };
}

/** A part of the mask that hangs together, as far as it is known; `of`: what it turned out to be of. */
class Part {
  constructor({ left, top, right, bottom, sure }) {
    Object.assign(this, { left, top, right, bottom, sure, of: null });
  }

  grow({ left, top, right, bottom, sure }) {
    this.left = Math.min(this.left, left);
    this.top = Math.min(this.top, top);
    this.right = Math.max(this.right, right);
    this.bottom = Math.max(this.bottom, bottom);
    this.sure ||= sure;
  }
}

function root(part) {
  while (part.of) part = part.of.of ? (part.of = part.of.of) : part.of;
  return part;
}

/** Where in a row the mask is seen. */
function runs(mask, y, width) {
  const found = [];
  const end = (y + 1) * width;
  for (let i = y * width; i < end; i++) {
    if (mask[i] <= SEEN) continue;
    const left = i - y * width;
    let sure = false;
    for (; i < end && mask[i] > SEEN; i++) sure ||= mask[i] > OBJECT;
    const right = i - y * width;
    found.push({ left, right, part: new Part({ left, top: y, right, bottom: y + 1, sure }) });
  }
  return found;
}

/** The frame over the picture; a free one is dragged by its corners, or by its middle. */
export class Frame {
  /** `changed(box)` is called with the new box of a picture. */
  constructor(stage, changed) {
    this.stage = stage;
    this.element = document.getElementById("frame");
    this.box = null;
    this.element.addEventListener("pointerdown", (event) => {
      if (!this.element.classList.contains("free") || event.button) return;
      event.stopPropagation();
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      const corner = event.target.dataset.corner ?? "";
      const [from, box] = [stage.place(event), { ...this.box }];
      const move = (moved) => {
        const to = stage.place(moved);
        changed(dragged(box, corner, to.x - from.x, to.y - from.y, stage.pixels));
      };
      this.element.addEventListener("pointermove", move);
      const end = () => this.element.removeEventListener("pointermove", move);
      this.element.addEventListener("lostpointercapture", end, { once: true });
    });
  }

  /** Shows a box, null: none; `free`: it can be dragged. */
  show(box, free) {
    this.box = box;
    this.element.hidden = !box;
    this.element.classList.toggle("free", free);
    if (box) this.stage.lay(this.element, box);
  }
}

/** A frame as it was typed, within a picture. */
export function inside(frame, pixels) {
  const left = within(frame.left, 0, pixels.width - 1);
  const top = within(frame.top, 0, pixels.height - 1);
  const width = within(frame.width, 1, pixels.width - left);
  return { left, top, width, height: within(frame.height, 1, pixels.height - top) };
}

function dragged(box, corner, dx, dy, { width, height }) {
  let { left, top } = box;
  let [right, bottom] = [left + box.width, top + box.height];
  if (!corner) {
    left = within(left + dx, 0, width - box.width);
    top = within(top + dy, 0, height - box.height);
    return { ...box, left, top };
  }
  if (corner.includes("left")) left = within(left + dx, 0, right - 1);
  else right = within(right + dx, left + 1, width);
  if (corner.includes("top")) top = within(top + dy, 0, bottom - 1);
  else bottom = within(bottom + dy, top + 1, height);
  return { left, top, width: right - left, height: bottom - top };
}

function within(value, least, most) {
  return Math.round(Math.min(most, Math.max(least, value)));
}
