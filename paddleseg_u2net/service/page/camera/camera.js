// The camera's view of the page: it is started, its background chosen, and stopped.

import { word } from "../words.js";
import { Ended, Link } from "./link.js";
import { Scene } from "./scene.js";

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

const IDEAL = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const WHY_NOT = {
  NotAllowedError: "camera_denied",
  NotFoundError: "camera_none",
  OverconstrainedError: "camera_none",
  NotReadableError: "camera_taken",
};
const TOLD_EVERY = 1000; // milliseconds
const SENT = 640 * 360; // pixels of a frame; a network sees fewer

const scene = new Scene($("live"));
const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
const background = { kind: "transparent", colour: "#00b140", image: null, radius: 2, mirrored: true };
let [stream, link, run] = [null, null, 0]; // `run` changes when frames are to end

// ---- Frames

async function start() {
  stop("starting", "camera_starting");
  const mine = run;
  try {
    if (!navigator.mediaDevices) throw new Ended(word("camera_insecure"));
    const deviceId = $("camera_device").value;
    const asked = { ...IDEAL, ...(deviceId && { deviceId: { exact: deviceId } }) };
    const found = await navigator.mediaDevices.getUserMedia({ video: asked });
    if (mine !== run) return end(found);
    stream = found;
    const [track] = stream.getVideoTracks();
    track.onended = () => stop("failed", "camera_gone");
    video.srcObject = stream;
    await video.play();
    await offerDevices(track.getSettings().deviceId);
    await frames(mine);
  } catch (error) {
    if (mine === run) fail(error);
  }
}

/** Asks for the opacity of one frame after the other, and draws them; the newest one each time. */
async function frames(mine) {
  const opened = await Link.open({ steady: Number($("steady").value) / 100 });
  if (mine !== run) return opened.close();
  link = opened;
  tell("on", "camera_running");
  const told = { since: performance.now(), count: 0, late: 0 };
  const most = Math.min(SENT, opened.limits.max_pixels);
  const nextFrame = freshFrames(mine);
  for (;;) {
    await nextFrame();
    if (mine !== run) return;
    const seen = performance.now();
    const matte = await opened.matte(await scene.take(video, most));
    const image = await createImageBitmap(matte);
    if (mine !== run) return;
    await scene.draw(image, background);
    image.close();
    measure(told, performance.now() - seen);
  }
}

/** Gives a function that waits until the camera has a frame that was not taken yet. */
function freshFrames(mine) {
  let [fresh, told] = [true, null];
  const watch = () => {
    fresh = true;
    told?.();
    if (mine === run) coming();
  };
  const coming = () => video.requestVideoFrameCallback?.(watch) ?? requestAnimationFrame(watch);
  coming();
  return async () => {
    if (!fresh) await new Promise((resolve) => (told = resolve));
    fresh = false;
  };
}

function measure(told, late) {
  told.count++;
  told.late += late;
  const passed = performance.now() - told.since;
  if (passed < TOLD_EVERY) return;
  const values = { n: Math.round((told.count * 1000) / passed), ms: Math.round(told.late / told.count) };
  $("camera_rate").textContent = word("camera_rate", values);
  Object.assign(told, { since: performance.now(), count: 0, late: 0 });
}

/** Ends the frames and the camera; `key` or `message` say why. */
function stop(state = "off", key = "camera_stopped", message = "") {
  run++;
  link?.close();
  if (stream) end(stream);
  [link, stream, video.srcObject] = [null, null, null];
  scene.clear();
  tell(state, key, message);
}

function fail(error) {
  const key = WHY_NOT[error.name];
  stop("failed", key, key ? "" : error.message);
}

function end(found) {
  for (const track of found.getTracks()) track.stop();
}

/** While nobody sees the page its place at the service is free for others. */
document.addEventListener("visibilitychange", async () => {
  if (!stream) return;
  const mine = ++run;
  link?.close();
  link = null;
  if (document.hidden) tell("on", "camera_paused");
  else await frames(mine).catch((error) => mine === run && fail(error));
});

// ---- What is told, and what the user does

function tell(state, key, message = "") {
  $("camera").dataset.state = state;
  const next = ["starting", "on"].includes(state) ? "camera_stop" : "camera_start";
  $("camera_switch").dataset.word = next;
  $("camera_switch").textContent = word(next);
  const told = $("camera_told");
  if (message) delete told.dataset.word;
  else told.dataset.word = key;
  told.textContent = $("status").textContent = message || word(key);
  $("camera_rate").textContent = "";
}

async function offerDevices(current) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const named = ({ label, deviceId }, i) =>
    new Option(label || word("camera_number", { n: i + 1 }), deviceId);
  $("camera_device").replaceChildren(...cameras.map(named));
  $("camera_device").value = current;
  $("camera_devices").hidden = cameras.length < 2;
}

function readSettings() {
  background.kind = document.querySelector("input[name=behind]:checked").value;
  background.colour = $("behind_colour").value;
  background.radius = Number($("behind_radius").value);
  background.mirrored = $("mirror").checked;
  for (const part of all("#camera .of")) part.hidden = part.dataset.of !== background.kind;
  for (const [id, unit] of [["behind_radius", " %"], ["steady", " %"]])
    document.querySelector(`output[for=${id}]`).value = $(id).value + unit;
}

function show(camera) {
  document.body.dataset.view = camera ? "camera" : "pictures";
  $("camera").hidden = !camera;
  $("to_camera").setAttribute("aria-pressed", camera);
  if (!camera) stop();
}

$("to_camera").onclick = () => show($("camera").hidden);
$("camera_switch").onclick = () =>
  ["starting", "on"].includes($("camera").dataset.state) ? stop() : start();
$("camera_device").onchange = () => start();
$("steady").onchange = () => stream && start();
$("behind_choose").onclick = () => $("behind_file").click();
$("behind_file").onchange = async () => {
  const [file] = $("behind_file").files;
  if (!file) return;
  $("behind_file").value = "";
  const image = await createImageBitmap(file).catch(() => null);
  if (image) background.image = image;
  $("behind_told").textContent = image ? file.name : word("image_broken", { name: file.name });
};
$("full_screen").onclick = () => $("scene").requestFullscreen?.();
for (const input of all("#camera input")) input.addEventListener("input", readSettings);
// Pictures that come are worked on in their own view.
for (const type of ["drop", "paste"])
  document.addEventListener(type, ({ dataTransfer, clipboardData }) => {
    if ((dataTransfer ?? clipboardData)?.files.length) show(false);
  });

readSettings();
tell("off", "camera_hint");
$("status").textContent = "";
fetch("health")
  .then(async (response) => ($("to_camera").hidden = !(await response.json()).cameras))
  .catch(() => {}); // the rest of the page says that the service does not answer
