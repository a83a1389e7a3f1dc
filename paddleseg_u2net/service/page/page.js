// The page: pictures come in, the panel's settings meet them, and files go out.

import { speak, switchLanguage, word } from "./words.js";
import { Brush } from "./brush.js";
import { Frame, cropBox, inside } from "./crop.js";
import { FORMATS, backdrop, finished, writable } from "./finish.js";
import { List } from "./list.js";
import { Picture, SizeError, dropped } from "./picture.js";
import { Queue, abilities, fetchColours } from "./queue.js";
import { Stage } from "./stage.js";
import { fileName, save, zip } from "./save.js";

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const chosen = (name) => document.querySelector(`input[name=${name}]:checked`).value;

const SIDES = ["left", "top", "width", "height"];

const settings = {
  background: { kind: "transparent", colour: "#ffffff", image: null, radius: 2 },
  crop: { mode: "none", margin: 5 },
  format: "png",
  quality: 92,
  name: "{stem}.cutout",
};
let current = null;
let tab = "background";
let making = false; // files are being made
let [asked, showing] = [0, null]; // how often the finish was to be shown, and the showing of it

const stage = new Stage();
const queue = new Queue(changed);
const list = new List({ select, remove, again: (picture) => queue.again(picture) });
const frame = new Frame(stage, (box) => ((current.frame = box), showFinish()));
const brush = new Brush(stage, {
  changed: () => {
    list.draw(current, stage.cutout);
    showNotice();
    showFinish();
  },
  choose: (name) => {
    if (name === "keep" || name === "erase") {
      document.querySelector(`input[name=mode][value=${name}]`).checked = true;
      say(word(name));
    } else name === "larger" ? $("size").stepUp(4) : $("size").stepDown(4);
    readSettings();
  },
  say,
});

// ---- Pictures

function add(files) {
  const pictures = [...files].map((file) => new Picture(file));
  if (!pictures.length) return;
  const first = !queue.pictures.length;
  queue.add(pictures);
  if (first) select(pictures[0]);
}

function changed(picture) {
  list.update(picture, current);
  const { pictures } = queue;
  const n = pictures.filter(({ finished }) => finished).length;
  const state = word(picture.state);
  const told = [word("said", { name: picture.name, state }), picture.message];
  if (pictures.length > 1) told.push(word("progress", { n, of: pictures.length }));
  if (picture.finished || picture.state === "failed") say(told.join(" "));
  if (picture === current) showPicture();
  showPanel();
}

function select(picture) {
  if (picture === current) return;
  const before = current;
  current = picture;
  before?.close();
  if (before && queue.pictures.includes(before)) list.update(before, current);
  if (current) list.update(current, current);
  brush.take(null);
  stage.show(null);
  showPicture();
}

function remove(picture) {
  const at = queue.pictures.indexOf(picture);
  queue.remove(picture);
  list.take(picture);
  say(word("removed", { name: picture.name }));
  if (picture === current) select(queue.pictures[Math.min(at, queue.pictures.length - 1)] ?? null);
  showPanel();
  if (!current) $("choose").focus();
}

/** Brings the stage up to what is known of the current picture. */
async function showPicture() {
  const picture = current;
  showPanel();
  showNotice();
  if (!picture) return stage.show(null);
  $("stage").setAttribute("aria-busy", true);
  try {
    await showPixels(picture);
    if (picture.state === "done" && !picture.coloursFile) {
      await fetchColours(picture);
      await showPixels(picture);
    }
  } catch (error) {
    if (picture === current && !picture.gone.signal.aborted) trouble(picture, error);
  }
  if (picture === current && (picture.finished || picture.state === "failed"))
    $("stage").setAttribute("aria-busy", false);
}

async function showPixels(picture) {
  const pixels = await picture.open();
  if (picture !== current) return picture.close();
  if (stage.pixels !== pixels) await stage.show(pixels);
  else await stage.draw();
  if (picture !== current) return;
  brush.take(picture.edits);
  await showFinish();
  list.draw(picture, stage.cutout);
}

function trouble(picture, error) {
  if (!picture.pixels) stage.show(null);
  if (!picture.finished) return; // the service says what is wrong, or may know the format
  picture.message = explained(picture, error);
  showNotice();
}

function explained(picture, error) {
  if (error instanceof SizeError) return word("other_size", error.sizes);
  if (error instanceof DOMException) return word("unreadable", { name: picture.name });
  return error.message;
}

/** What is told over the picture, and the button for it. */
function showNotice() {
  const { state, message, edits } = current ?? {};
  const told = { empty: "empty_long", waiting: "waiting", working: "working" }[state];
  const painted = state === "empty" && edits?.touched;
  const text = message || (told && !painted && word(told));
  $("notice").hidden = !text;
  $("notice").className = message ? "failed" : (state ?? "");
  $("notice").querySelector("p").textContent = text || "";
  $("again").hidden = !message && state !== "empty";
  $("again").textContent = word(state === "empty" ? "try_anyway" : "retry");
}

$("again").onclick = () => {
  if (current.state === "empty") current.presence = 0;
  queue.again(current);
};

// ---- The panel

/** What the panel says becomes the settings, and the panel shows what belongs to them. */
function readSettings() {
  const { background, crop } = settings;
  background.kind = chosen("kind");
  background.colour = $("colour").value;
  background.radius = Number($("radius").value);
  crop.mode = chosen("crop");
  crop.margin = Number($("margin").value);
  settings.format = $("format").value;
  settings.quality = Number($("quality").value);
  settings.name = $("name").value;
  brush.mode = chosen("mode");
  brush.size = Number($("size").value);
  brush.soft = Number($("soft").value) / 100;
  showPanel();
  showFinish();
}

function showPanel() {
  const { background, crop, format } = settings;
  const any = queue.pictures.length > 0;
  $("start").hidden = any;
  $("work").hidden = $("add").hidden = !any;
  for (const button of all("[role=tab]")) {
    const mine = button.id === `tab_${tab}`;
    button.setAttribute("aria-selected", mine);
    button.tabIndex = mine ? 0 : -1;
    $(button.getAttribute("aria-controls")).hidden = !mine;
  }
  for (const part of all(".of"))
    part.hidden = ![background.kind, crop.mode].includes(part.dataset.of);
  for (const button of all("#swatches button"))
    button.setAttribute("aria-pressed", button.dataset.colour === background.colour);
  $("quality_row").hidden = !FORMATS[format].lossy;
  $("jpeg_white").hidden = !FORMATS[format].opaque || background.kind !== "transparent";
  const units = { radius: " %", size: "", soft: " %", margin: " %", quality: "" };
  for (const [id, unit] of Object.entries(units))
    document.querySelector(`output[for=${id}]`).value = $(id).value + unit;
  const tools = { touch_up: "brush", crop: crop.mode === "free" ? "crop" : "compare" };
  stage.sheet.dataset.tool = (current?.finished && tools[tab]) || "compare";
  const ready = queue.pictures.filter(({ finished }) => finished);
  const { done = [], undone = [], touched = false } = current?.edits ?? {};
  able("undo", done.length);
  able("redo", undone.length);
  able("reset", touched);
  able("download", current?.finished && !making);
  able("download_all", ready.length && !making);
  $("download_all").hidden = queue.pictures.length < 2;
}

/** Whether a button does something now; one that does not keeps the keyboard's focus. */
function able(id, does) {
  $(id).setAttribute("aria-disabled", !does);
}

/** Shows what the settings make of the current picture; once more if they change meanwhile. */
async function showFinish() {
  asked++;
  showing ??= (async () => {
    for (let begun = 0; begun !== asked; ) {
      begun = asked;
      await showBackdropAndFrame();
    }
  })().finally(() => (showing = null));
  await showing;
}

async function showBackdropAndFrame() {
  const pixels = current?.pixels;
  showPanel();
  if (!pixels?.mask || stage.pixels !== pixels) return;
  const { crop } = settings;
  if (crop.mode === "free") current.frame ??= whole(pixels);
  const box = cropBox(current, crop) ?? whole(pixels);
  const brushing = stage.sheet.dataset.tool === "brush";
  await stage.reach(brushing ? null : box);
  frame.show(crop.mode === "none" || brushing ? null : box, stage.sheet.dataset.tool === "crop");
  const nothing = crop.mode === "object" && !cropBox(current, crop);
  $("result_size").textContent = nothing
    ? word("crop_nothing", { name: current.name })
    : word("result_size", { w: box.width, h: box.height });
  for (const id of SIDES) if ($(id) !== document.activeElement) $(id).value = box[id];
  const behind = await backdrop(pixels, box, settings);
  if (stage.pixels === pixels) stage.behind(behind, box);
}

function whole({ width, height }) {
  return { left: 0, top: 0, width, height };
}

function openTab(name) {
  tab = name;
  showPanel();
  showFinish();
}

// ---- Files

/** The finished file of a picture. */
async function made(picture) {
  try {
    await fetchColours(picture);
    const pixels = await picture.open();
    if (!pixels.mask) throw new Error(word(picture.state)); // it is asked for anew
    const box = cropBox(picture, settings.crop);
    if (!box) throw new Error(word("crop_nothing", { name: picture.name }));
    return await finished(pixels, box, settings);
  } finally {
    if (picture !== current) picture.close();
  }
}

function nameOf(picture, others) {
  return fileName(settings.name, picture.stem, FORMATS[settings.format].suffix, others);
}

async function download(pictures, pack) {
  making = true;
  showPanel();
  const [files, failed] = [[], []];
  for (const [i, picture] of pictures.entries()) {
    say(word("making_all", { n: i + 1, of: pictures.length }));
    try {
      files.push({ name: nameOf(picture, files), blob: await made(picture) });
      if (picture.edits) picture.edits.saved = true;
    } catch (error) {
      failed.push(`${picture.name} (${explained(picture, error)})`);
    }
  }
  const file = pack && files.length ? { name: "cutouts.zip", blob: await zip(files) } : files[0];
  if (file?.blob) save(file);
  const told = file && (file.blob ? word("downloaded", { name: file.name }) : word("too_many"));
  const left = pack ? queue.pictures.filter((one) => !one.finished).map(({ name }) => name) : [];
  const out = [...failed, ...left];
  const missing = out.length > 0 && word("left_out", { names: out.join(", ") });
  making = false;
  say([told, missing].filter(Boolean).join(" "), missing);
  showPanel();
}

// ---- What the user does

/** Tells screen readers; and everybody, where there is no other sign of it. */
function say(text, everybody = making) {
  $("status").textContent = text;
  $("told").textContent = everybody ? text : "";
  $("told").hidden = !everybody;
}

$("choose").onclick = $("add").onclick = () => $("files").click();
$("files").onchange = () => {
  add($("files").files);
  $("files").value = "";
};
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
let depth = 0; // of elements that a drag is over
for (const type of ["dragenter", "dragover", "dragleave", "drop"])
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    depth = type === "drop" ? 0 : depth + (type === "dragenter") - (type === "dragleave");
    $("drop").hidden = !depth;
    if (type === "drop") dropped(event.dataTransfer).then(add);
  });

for (const input of all("#panel :is(input, select):not([type=number], #refinements *)"))
  input.addEventListener("input", readSettings);
$("refinements").onchange = () => {
  const said = all("#refinements :is(input:checked, select:has(option))");
  queue.refine(Object.fromEntries(said.map(({ name, value }) => [name, value])));
};

/** Offers what the service has; a choice of models only where there are several. */
async function offer() {
  const { models, parameters } = await abilities().catch(() => ({ models: [], parameters: [] }));
  if (models.length > 1)
    $("refinements").querySelector("select").append(...models.map((name) => new Option(name)));
  for (const input of all("#refinements :is(input, select)"))
    input.closest("label").hidden =
      input.name === "model" ? models.length < 2 : !parameters.includes(input.name);
  $("refinements").hidden = !parameters.length;
}
for (const button of all("#swatches button")) {
  button.style.setProperty("--colour", button.dataset.colour);
  button.onclick = () => (($("colour").value = button.dataset.colour), readSettings());
}
$("choose_image").onclick = () => $("image_file").click();
$("image_file").onchange = async () => {
  const [file] = $("image_file").files;
  if (!file) return;
  $("image_file").value = "";
  try {
    const image = await createImageBitmap(file);
    settings.background.image = image;
    showFinish();
  } catch {
    say(word("image_broken", { name: file.name }), true);
  }
};
for (const input of all("#numbers input"))
  input.onchange = () => {
    const typed = Object.fromEntries(SIDES.map((id) => [id, $(id).valueAsNumber || 0]));
    current.frame = inside(typed, current.pixels);
    for (const id of SIDES) $(id).value = current.frame[id];
    showFinish();
  };

for (const button of all("[role=tab]"))
  button.onclick = () => openTab(button.getAttribute("aria-controls"));
$("tabs").onkeydown = (event) => {
  const tabs = all("[role=tab]");
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = tabs.at(to % tabs.length);
  openTab(next.getAttribute("aria-controls"));
  next.focus();
};

const back = Object.fromEntries(
  ["undo", "redo", "reset"].map((how) => [how, () => brush.back(how)]),
);
const downloads = {
  download: () => download([current], false),
  download_all: () => download(queue.pictures.filter(({ finished }) => finished), true),
};
for (const [id, act] of Object.entries({ ...back, ...downloads }))
  $(id).onclick = () => $(id).getAttribute("aria-disabled") === "false" && act();
document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(key)) return;
  if (event.target.matches?.("input[type=text], input[type=number]") || !current?.edits) return;
  event.preventDefault();
  const forward = key === "y" || event.shiftKey;
  brush.back(forward ? "redo" : "undo");
  say(word(forward ? "redone" : "undone"));
});

window.addEventListener("beforeunload", (event) => {
  if (queue.pictures.some(({ edits }) => edits?.touched && !edits.saved)) event.preventDefault();
});
$("language").onclick = () => {
  switchLanguage();
  tellAll();
};

function tellAll() {
  for (const option of $("format").options) option.textContent = word(`format_${option.value}`);
  for (const picture of queue.pictures) list.update(picture, current);
  stage.tell();
  showNotice();
  showFinish();
}

async function start() {
  speak();
  const needed = ["CompressionStream", "DecompressionStream", "OffscreenCanvas"];
  const what = needed.filter((name) => !(name in window)).join(", ");
  $("trouble").hidden = !what;
  if (what) return ($("trouble").textContent = word("old_browser", { what }));
  for (const name of await writable()) $("format").append(new Option(name, name));
  offer();
  readSettings();
  tellAll();
}

start();
