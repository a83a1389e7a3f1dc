// The picture on the screen: before and after, one over the other, with the slider between them.

import { word } from "./words.js";
import { breathe } from "./png.js";
import { strips } from "./picture.js";
import { union } from "./brush.js";

const MOST_ZOOM = 16;
const ZOOM_STEP = 1.5;
const [STEP, LONG_STEP] = [2, 10]; // of the slider, per cent
const STRIP = 2 ** 17; // pixels of the picture that are drawn at once

export class Stage {
  constructor() {
    for (const id of ["viewport", "sheet", "before", "after", "backdrop", "cutout", "slider"])
      this[id] = document.getElementById(id);
    this.pixels = null;
    this.extent = null; // what the sheet shows: the picture, or more where a crop goes beyond it
    this.zoom = 1; // the screen's (CSS) pixels a pixel of the picture
    this.fitted = true;
    this.drawn = 0; // counts drawings, so that an old one stops where a new one begins
    this.split(50);
    this.#listen();
  }

  /** Shows a picture's pixels; null: none. */
  async show(pixels) {
    this.pixels = pixels;
    this.sheet.hidden = !pixels;
    this.painting = null; // what is behind the foreground
    this.backdrop.hidden = true;
    for (const canvas of [this.before, this.cutout, this.backdrop]) canvas.width = canvas.height = 0;
    if (!pixels) return;
    const { width, height } = pixels;
    this.extent = { left: 0, top: 0, width, height };
    this.fit();
    await this.draw();
  }

  /** Makes room for a box that may reach beyond the picture. */
  reach(box) {
    const { width, height } = this.pixels;
    this.extent = union({ left: 0, top: 0, width, height }, box);
    if (this.fitted) this.fit();
    else this.#resize(this.zoom);
    return this.#redraw();
  }

  fit() {
    const { clientWidth, clientHeight } = this.viewport;
    const { width, height } = this.extent;
    this.fitted = true;
    this.#resize(Math.min(clientWidth / width, clientHeight / height, 8));
  }

  /** Zooms; what is at a place of the screen, else in the middle, stays there. */
  async zoomBy(factor, at = middle(this.viewport)) {
    const { viewport, extent } = this;
    const { x, y } = this.place(at);
    this.fitted = false;
    const least = Math.min(1, 64 / this.pixels.width);
    this.#resize(Math.min(MOST_ZOOM, Math.max(least, this.zoom * factor)));
    const { left, top } = this.sheet.getBoundingClientRect();
    viewport.scrollLeft += left + (x - extent.left) * this.zoom - at.clientX;
    viewport.scrollTop += top + (y - extent.top) * this.zoom - at.clientY;
    await this.#redraw();
  }

  #resize(zoom) {
    this.zoom = zoom;
    this.sheet.style.width = `${this.extent.width * zoom}px`;
    this.sheet.style.height = `${this.extent.height * zoom}px`;
    const { width, height } = this.pixels;
    for (const canvas of [this.before, this.cutout])
      this.lay(canvas, { left: 0, top: 0, width, height });
    this.sheet.classList.toggle("zoomed", !this.fitted);
    this.sheet.dispatchEvent(new Event("zoomed"));
  }

  /** Lays an element of the sheet over a box of the picture. */
  lay(element, { left, top, width, height }) {
    const { extent } = this;
    const share = (part, whole) => `${(100 * part) / whole}%`;
    element.style.left = share(left - extent.left, extent.width);
    element.style.top = share(top - extent.top, extent.height);
    element.style.width = share(width, extent.width);
    element.style.height = share(height, extent.height);
  }

  /** Pixels of the picture, along a side, that are one on the screen. */
  get #factor() {
    return Math.max(1, Math.floor(1 / (this.zoom * devicePixelRatio)));
  }

  /** Draws anew what the screen shows in another number of pixels than before. */
  async #redraw() {
    this.#drawBackdrop();
    if (this.#factor !== this.shown) await this.draw();
  }

  async draw() {
    const { width, height } = this.pixels;
    this.shown = this.#factor;
    const size = [Math.ceil(width / this.shown), Math.ceil(height / this.shown)];
    for (const canvas of [this.before, this.cutout]) [canvas.width, canvas.height] = size;
    await this.repaint({ left: 0, top: 0, width, height }, true);
  }

  /** Draws a box of the picture anew, from its pixels. */
  async repaint(box, alsoBefore = false) {
    const { pixels, shown } = this;
    const turn = alsoBefore ? ++this.drawn : this.drawn;
    const whole = aligned(box, shown, pixels);
    const rows = shown * Math.ceil(STRIP / shown / whole.width);
    for (const strip of strips(whole, rows)) {
      if (alsoBefore) put(this.before, reduced(part(pixels, strip), strip, shown), strip, shown);
      if (pixels.mask) put(this.cutout, reduced(pixels.cut(strip), strip, shown), strip, shown);
      if (alsoBefore) await breathe();
      if (turn !== this.drawn) return;
    }
  }

  /** Shows what lies behind the foreground within a box: see `backdrop` of finish.js. */
  behind({ colour = "", paint }, box) {
    this.after.style.backgroundColor = colour;
    this.backdrop.hidden = !paint;
    this.painting = paint && { paint, box, scale: 0 };
    this.#drawBackdrop();
  }

  #drawBackdrop() {
    const { painting, backdrop } = this;
    const scale = Math.min(1, this.zoom * devicePixelRatio);
    if (!painting || painting.scale === scale) return;
    const { paint, box } = Object.assign(painting, { scale });
    backdrop.width = Math.ceil(box.width * scale);
    backdrop.height = Math.ceil(box.height * scale);
    this.lay(backdrop, box);
    const context = backdrop.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.scale(backdrop.width / box.width, backdrop.height / box.height);
    context.translate(-box.left, -box.top);
    paint(context);
  }

  /** Puts the slider: so many per cent of the picture, from the left, are as before. */
  split(percent) {
    this.percent = Math.min(100, Math.max(0, percent));
    this.sheet.style.setProperty("--split", `${this.percent}%`);
    this.slider.setAttribute("aria-valuenow", Math.round(this.percent));
    this.tell();
  }

  /** The slider's value in words. */
  tell() {
    const text = word("compare_value", { n: Math.round(this.percent) });
    this.slider.setAttribute("aria-valuetext", text);
  }

  /** Where on the picture, in its pixels, an event happened. */
  place({ clientX, clientY }) {
    const { left, top } = this.sheet.getBoundingClientRect();
    return {
      x: (clientX - left) / this.zoom + this.extent.left,
      y: (clientY - top) / this.zoom + this.extent.top,
    };
  }

  #listen() {
    const { sheet, slider, viewport } = this;
    const follow = (event) => {
      const { left, width } = sheet.getBoundingClientRect();
      this.split(((event.clientX - left) / width) * 100);
    };
    sheet.addEventListener("pointerdown", (event) => {
      if (sheet.dataset.tool !== "compare" || event.button) return;
      // A finger moves a picture that is too large to be seen whole; the slider has its knob.
      if (event.pointerType === "touch" && !this.fitted && event.target !== slider) return;
      sheet.setPointerCapture(event.pointerId);
      follow(event);
      slider.focus({ preventScroll: true });
      event.preventDefault();
    });
    sheet.addEventListener("pointermove", (event) => {
      if (sheet.dataset.tool !== "compare") return;
      if (sheet.hasPointerCapture(event.pointerId)) follow(event);
    });
    slider.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? LONG_STEP : STEP;
      const moves = {
        ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
        PageDown: -LONG_STEP, PageUp: LONG_STEP, Home: -100, End: 100,
      };
      if (!(event.key in moves) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.split(this.percent + moves[event.key]);
    });
    document.getElementById("zoom_in").onclick = () => this.zoomBy(ZOOM_STEP);
    document.getElementById("zoom_out").onclick = () => this.zoomBy(1 / ZOOM_STEP);
    document.getElementById("zoom_fit").onclick = () => (this.fit(), this.#redraw());
    viewport.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey || !this.pixels) return;
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1, event);
      },
      { passive: false },
    );
    new ResizeObserver(() => {
      if (!this.pixels || !this.fitted) return;
      this.fit();
      this.#redraw();
    }).observe(viewport);
  }
}

function middle(element) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { clientX: left + width / 2, clientY: top + height / 2 };
}

/** A box that begins and ends at whole pixels of the screen's picture. */
function aligned({ left, top, width, height }, factor, pixels) {
  const [x, y] = [Math.floor(left / factor) * factor, Math.floor(top / factor) * factor];
  const right = Math.min(pixels.width, Math.ceil((left + width) / factor) * factor);
  const bottom = Math.min(pixels.height, Math.ceil((top + height) / factor) * factor);
  return { left: x, top: y, width: right - x, height: bottom - y };
}

/** A box of the picture as it came. */
function part({ own, width }, box) {
  if (box.width === width)
    return own.subarray(box.top * width * 4, (box.top + box.height) * width * 4);
  const found = new Uint8ClampedArray(box.width * box.height * 4);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.top + y) * width + box.left) * 4;
    found.set(own.subarray(from, from + box.width * 4), y * box.width * 4);
  }
  return found;
}

/** The means of squares of `factor` pixels, each weighted by its opacity; RGBA. */
function reduced(data, { width, height }, factor) {
  if (factor === 1) return new ImageData(data, width, height);
  const found = new ImageData(Math.ceil(width / factor), Math.ceil(height / factor));
  for (let y = 0, to = 0; y < height; y += factor)
    for (let x = 0; x < width; x += factor, to += 4) {
      const bottom = Math.min(height, y + factor);
      const right = Math.min(width, x + factor);
      let red = 0;
      let green = 0;
      let blue = 0;
      let alpha = 0;
      for (let row = y; row < bottom; row++)
        for (let from = (row * width + x) * 4; from < (row * width + right) * 4; from += 4) {
          const share = data[from + 3];
          red += share * data[from];
          green += share * data[from + 1];
          blue += share * data[from + 2];
          alpha += share;
        }
      if (!alpha) continue;
      found.data[to] = red / alpha;
      found.data[to + 1] = green / alpha;
      found.data[to + 2] = blue / alpha;
      found.data[to + 3] = alpha / ((bottom - y) * (right - x));
    }
  return found;
}

function put(canvas, image, box, factor) {
  canvas.getContext("2d").putImageData(image, box.left / factor, box.top / factor);
}
