// A camera's frame, cut out, before the background that was chosen.

import { blurred } from "../blur.js";

const LONGEST = 1280; // side of what is shown
const SMALL = 96; // longer side of the frame of which a blurred background is made

/** A canvas with its context. */
function sheet(options) {
  const canvas = new OffscreenCanvas(1, 1);
  return { canvas, context: canvas.getContext("2d", options) };
}

function resize(canvas, width, height) {
  if (canvas.width === width && canvas.height === height) return;
  [canvas.width, canvas.height] = [width, height];
}

export class Scene {
  /** `canvas`: where it is drawn. */
  constructor(canvas) {
    Object.assign(this, { canvas, context: canvas.getContext("2d") });
    [this.frame, this.cut, this.sent] = [sheet(), sheet(), sheet()];
    this.small = sheet({ willReadFrequently: true });
  }

  /** Keeps the video's frame of now, and gives it as a file of at most so many pixels. */
  async take(video, most) {
    const { videoWidth: wide, videoHeight: tall } = video;
    const shown = Math.min(1, LONGEST / Math.max(wide, tall));
    const size = [Math.round(wide * shown), Math.round(tall * shown)];
    const { canvas, context } = this.frame;
    resize(canvas, ...size);
    context.drawImage(video, 0, 0, ...size);
    const less = Math.min(1, Math.sqrt(most / (size[0] * size[1])));
    const sides = size.map((side) => Math.max(1, Math.floor(side * less)));
    resize(this.sent.canvas, ...sides);
    this.sent.context.drawImage(canvas, 0, 0, ...sides);
    return this.sent.canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
  }

  /** Draws the frame that was kept, of this opacity, an image. */
  async draw(matte, { kind, colour, image, radius, mirrored }) {
    const { width, height } = this.frame.canvas;
    cutOut(this.cut, this.frame.canvas, matte, width, height);
    const soft = kind === "blur" ? await this.#blurred(matte, radius) : null;
    const { canvas, context } = this;
    resize(canvas, width, height);
    canvas.style.setProperty("--ratio", width / height);
    context.clearRect(0, 0, width, height);
    if (kind === "colour") {
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
    }
    if (kind === "image" && image) cover(context, image, width, height);
    context.save();
    if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    if (soft) context.drawImage(soft, 0, 0, width, height);
    context.drawImage(this.cut.canvas, 0, 0);
    context.restore();
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  async #blurred(matte, radius) {
    const { width: wide, height: tall } = this.frame.canvas;
    const scale = Math.min(1, SMALL / Math.max(wide, tall));
    const [width, height] = [wide, tall].map((side) => Math.max(1, Math.round(side * scale)));
    const { canvas, context } = this.small;
    const pixels = (source) => {
      resize(canvas, width, height);
      context.clearRect(0, 0, width, height);
      context.drawImage(source, 0, 0, width, height);
      return context.getImageData(0, 0, width, height).data;
    };
    const own = pixels(this.frame.canvas);
    const opacity = pixels(matte);
    const mask = Uint8Array.from({ length: width * height }, (_, i) => opacity[i * 4 + 3]);
    return blurred({ own, mask, width, height }, radius);
  }
}

/** The frame where the matte is opaque, on a sheet of this size. */
function cutOut({ canvas, context }, frame, matte, width, height) {
  resize(canvas, width, height);
  context.globalCompositeOperation = "copy";
  context.drawImage(frame, 0, 0);
  context.globalCompositeOperation = "destination-in";
  context.drawImage(matte, 0, 0, width, height);
}

/** An image over the whole canvas; what is too much of it is cut off evenly. */
function cover(context, image, width, height) {
  const scale = Math.max(width / image.width, height / image.height);
  const [w, h] = [image.width * scale, image.height * scale];
  context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
}
