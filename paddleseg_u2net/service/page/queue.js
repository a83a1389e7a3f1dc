// The service: each picture's mask is asked for in turn, a few at once.

import { word } from "./words.js";

const AT_ONCE = 2;
const LONGEST_WAIT = 60; // seconds that a busy service may ask for at a time

/** The service refused; its own words are the message. */
class Refused extends Error {}

export class Queue {
  /** `changed(picture)` is called whenever a picture's state changes. */
  constructor(changed) {
    this.changed = changed;
    this.pictures = [];
    this.running = 0;
  }

  add(pictures) {
    this.pictures.push(...pictures);
    pictures.forEach(this.changed);
    this.#go();
  }

  /** Takes a picture out; what is asked of the service for it is called off. */
  remove(picture) {
    this.pictures.splice(this.pictures.indexOf(picture), 1);
    picture.gone.abort();
    picture.forget();
  }

  again(picture) {
    picture.forget();
    this.changed(picture);
    this.#go();
  }

  async #go() {
    const picture = this.pictures.find(({ state }) => state === "waiting");
    if (!picture || this.running >= AT_ONCE) return;
    this.running++;
    this.#set(picture, "working");
    this.#go();
    try {
      const { blob, headers } = await ask(picture, "mask");
      picture.maskFile = blob;
      this.#set(picture, headers.get("X-Found") === "false" ? "empty" : "done");
    } catch (error) {
      picture.message = error.message;
      if (!picture.gone.signal.aborted) this.#set(picture, "failed");
    }
    this.running--;
    this.#go();
  }

  #set(picture, state) {
    picture.state = state;
    this.changed(picture);
  }
}

/** Asks for the foreground's own colours, once; a picture without an object has none. */
export async function fetchColours(picture) {
  if (picture.state !== "done") return;
  picture.asked ??= ask(picture, "foreground").finally(() => (picture.asked = null));
  if (!picture.coloursFile) picture.coloursFile = (await picture.asked).blob;
}

/** One answer of the service as a PNG; waits as long as a busy service says. */
async function ask(picture, only) {
  const form = new FormData();
  form.append("file", picture.file, picture.name);
  for (const [name, value] of Object.entries({ only }))
    form.append(name, value);
  const { signal } = picture.gone;
  for (;;) {
    const asked = fetch("api/remove", { method: "POST", body: form, signal });
    const response = await asked.catch(() => {
      throw new Refused(word("unreachable"));
    });
    const wait = Number(response.headers.get("Retry-After"));
    if (response.status !== 503 || !(wait > 0)) return understood(response);
    await new Promise((resolve) => setTimeout(resolve, Math.min(wait, LONGEST_WAIT) * 1000));
  }
}

async function understood(response) {
  const { headers, status } = response;
  const type = headers.get("Content-Type") ?? "";
  if (response.ok && type.startsWith("image/png")) return { blob: await response.blob(), headers };
  const said = await response.json().catch(() => null);
  throw new Refused(said?.error?.message ?? word("not_understood", { status }));
}
