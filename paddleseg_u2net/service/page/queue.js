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
    this.refinements = {}; // parameters of the service, for all pictures
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
    picture.edits = null;
  }

  /** Asks for masks that are refined in another way: of all pictures anew. */
  refine(refinements) {
    this.refinements = refinements;
    for (const picture of this.pictures) if (picture.state !== "working") this.again(picture);
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
    const refinements = (picture.refinements = this.refinements);
    this.#set(picture, "working");
    this.#go();
    try {
      const { blob, headers } = await ask(picture, "mask");
      picture.maskFile = blob;
      picture.notes = headers.get("X-Notes") ?? "";
      this.#set(picture, headers.get("X-Found") === "false" ? "empty" : "done");
    } catch (error) {
      picture.message = error.message;
      if (!picture.gone.signal.aborted) this.#set(picture, "failed");
    }
    this.running--;
    // They may have changed meanwhile.
    if (refinements !== this.refinements && !picture.gone.signal.aborted) this.again(picture);
    this.#go();
  }

  #set(picture, state) {
    picture.state = state;
    this.changed(picture);
  }
}

/** Asks for the foreground's own colours, once; a picture without an object has none. */
export async function fetchColours(picture) {
  const { maskFile } = picture;
  if (picture.state !== "done" || picture.coloursFile) return;
  if (picture.asked?.maskFile !== maskFile)
    picture.asked = { maskFile, answer: ask(picture, "foreground") };
  const { asked } = picture;
  try {
    const { blob } = await asked.answer;
    if (picture.maskFile === maskFile) picture.coloursFile = blob;
  } finally {
    if (picture.asked === asked) picture.asked = null;
  }
}

/** What the service has: the names of its models and of its parameters. */
export async function abilities() {
  const asked = ["health", "openapi.json"].map(async (at) => (await fetch(at)).json());
  const [{ models }, { paths }] = await Promise.all(asked);
  const { content } = paths["/api/remove"].post.requestBody;
  return { models, parameters: Object.keys(content["multipart/form-data"].schema.properties) };
}

/** One answer of the service as a PNG; waits as long as a busy service says. */
export async function ask(picture, only) {
  const form = new FormData();
  form.append("file", picture.file, picture.name);
  const { presence, refinements } = picture;
  for (const [name, value] of Object.entries({ only, presence, ...refinements }))
    form.append(name, value);
  const { signal } = picture.gone;
  for (;;) {
    const asked = fetch("api/remove", { method: "POST", body: form, signal });
    const response = await asked.catch(() => {
      throw new Refused(word("unreachable"));
    });
    const wait = Number(response.headers.get("Retry-After"));
    if (!(wait > 0) || !(await isBusy(response))) return understood(response);
    await new Promise((resolve) => setTimeout(resolve, Math.min(wait, LONGEST_WAIT) * 1000));
  }
}

/** Whether it has no place now; what takes it too long would do so again. */
async function isBusy(response) {
  const said = await response.clone().json().catch(() => null);
  return response.status === 503 && ["busy", undefined].includes(said?.error?.code);
}

async function understood(response) {
  const { headers, status } = response;
  const type = headers.get("Content-Type") ?? "";
  if (response.ok && type.startsWith("image/png")) return { blob: await response.blob(), headers };
  const said = await response.json().catch(() => null);
  throw new Refused(said?.error?.message ?? word("not_understood", { status }));
}
