"""The page in a real browser: what a person does with it, and what comes out."""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List, Tuple, Union

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from paddleseg_u2net.service import Settings, create_app
from tests.io.test_originals import icc
from tests.service.asking import decoded, encoded

CHROMIUM = Path("/usr/bin/chromium")
# Loaded machines are slow; whoever waits for a condition does not wait longer than it takes.
PATIENCE = 30_000


Point = Tuple[float, float]


class Graded:
    """A network that finds what is red, little by little, so that every opacity comes up."""

    output_type = "logits"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 12 * batch[:, :1]


class Dark(Graded):
    """The other way round."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return -super().__call__(batch)


@contextlib.contextmanager
def serving(models: Any, **settings: Any) -> Iterator[str]:
    """The address of a service of removers by their names, in a thread."""
    app = create_app(Settings(**settings), models)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the service did not start"
                time.sleep(0.02)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """A browser; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="make runtimes installs it")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as player:
        words = ["--no-sandbox", *arguments]
        browser = player.chromium.launch(executable_path=CHROMIUM, args=words)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """A tab with the page; an error in its scripts fails the test.

    Args:
        tab: Playwright's page.
        address: of the service.
    """

    def __init__(self, tab: Any, address: str) -> None:
        self.tab, self.address, self.errors = tab, address, []
        tab.set_default_timeout(PATIENCE)
        tab.on("pageerror", lambda error: self.errors.append(error))
        tab.goto(address)
        self.wait("#choose")

    def wait(self, selector: str) -> Any:
        """The first element of a selector, once it is seen."""
        found = self.tab.locator(selector).first
        found.wait_for()
        return found

    def drop(self, *files: Any) -> None:
        """Drop files, (name, content) each, as from a file manager."""
        self.send("drop", files)

    def drop_paths(self, *paths: Path) -> None:
        """Drop files and folders of the disk."""
        files = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        session = self.tab.context.new_cdp_session(self.tab)
        for kind in ("dragEnter", "dragOver", "drop"):
            place = {"type": kind, "x": 200, "y": 200, "data": files}
            session.send("Input.dispatchDragEvent", place)

    def touch(self, start: Point, end: Point) -> None:
        """Draw a finger over the screen."""
        session = self.tab.context.new_cdp_session(self.tab)
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        for kind, point in (("Start", start), ("Move", middle), ("Move", end), ("End", None)):
            points = [{"x": point[0], "y": point[1]}] if point else []
            session.send(
                "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points}
            )

    def send(self, event: str, files: Any) -> None:
        """Drop or paste files."""
        sent = [(name, base64.b64encode(content).decode()) for name, content in files]
        self.tab.evaluate(
            """([kind, sent]) => {
                const data = new DataTransfer();
                for (const [name, text] of sent) {
                    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
                    data.items.add(new File([bytes], name));
                }
                const event = kind === "drop"
                    ? new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })
                    : new ClipboardEvent(kind, { clipboardData: data, bubbles: true });
                document.body.dispatchEvent(event);
            }""",
            [event, sent],
        )

    def open(self, picture: np.ndarray, name: str = "a.png") -> None:
        """Drop one picture and wait until it is finished, colours too."""
        self.drop((name, encoded(picture)))
        self.finished()

    def finished(self) -> None:
        """Wait until the picture that is shown has its mask and its colours."""
        self.wait("#list li:is(.done, .empty):has([aria-current=true])")
        self.wait("#stage[aria-busy=false]")
        assert not self.tab.locator("#notice.failed").is_visible()

    def tab_of(self, name: str) -> None:
        """Open one of the panel's tabs."""
        self.tab.click(f"#tab_{name}")

    def choose(self, name: str, value: str) -> None:
        self.tab.check(f"input[name={name}][value={value}]")

    def set(self, name: str, value: Any) -> None:
        """Move a slider, or fill a field."""
        self.tab.locator(f"#{name}").fill(str(value))

    def says(self, text: str) -> None:
        """Wait for words in the live region."""
        self.tab.locator("#status").get_by_text(text).wait_for(state="attached")

    def download(self, button: str = "download") -> Path:
        """The file that a button saves; `saved_as` is the name that it asks for."""
        with self.tab.expect_download() as download:
            self.tab.click(f"#{button}[aria-disabled=false]")
        self.saved_as = download.value.suggested_filename
        return Path(download.value.path())

    def downloaded(self) -> np.ndarray:
        """The finished picture."""
        return np.array(Image.open(self.download()))

    def box(self, selector: str) -> Tuple[float, float, float, float]:
        """Left, top, width and height on the screen."""
        found = self.tab.locator(selector).bounding_box()
        return found["x"], found["y"], found["width"], found["height"]

    def place(self, x: float, y: float, beside: Point = (0, 0)) -> Point:
        """Where a point of the picture is on the screen, in whole pixels, and some beside it."""
        left, top, width, _ = self.box("#cutout")
        zoom = width / self.width
        return round(left + x * zoom) + beside[0], round(top + y * zoom) + beside[1]

    def back(self, place: Point) -> Point:
        """Which point of the picture is at a place on the screen."""
        left, top, width, _ = self.box("#cutout")
        return (place[0] - left) * self.width / width, (place[1] - top) * self.width / width

    @property
    def width(self) -> int:
        """The picture's."""
        return int(self.tab.evaluate("document.querySelector('#cutout').width"))

    def drag(self, start: Point, end: Point) -> None:
        mouse = self.tab.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end)
        mouse.up()

    def colour_at(self, x: float, y: float) -> Tuple[int, ...]:
        """What the screen shows at a place of the picture, given as shares of its sides."""
        sheet = self.tab.locator("#sheet").screenshot()
        shown = Image.open(io.BytesIO(sheet)).convert("RGB")
        return shown.getpixel((int(x * shown.width), int(y * shown.height)))

    def focused(self) -> str:
        """The identifier of the element that has the focus."""
        return self.tab.evaluate("document.activeElement.id")

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """Press a key until the focus is at an element."""
        reached = f"document.activeElement.matches({selector!r})"
        for _ in range(40):
            if self.tab.evaluate(reached):
                return
            self.tab.keyboard.press(key)
        raise AssertionError(f"{key} does not lead to {selector}")

    def memory(self) -> float:
        """MB of pixels that the page keeps."""
        session = self.tab.context.new_cdp_session(self.tab)
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["backingStorageSize"] / 1e6

    def faults(self, script: str) -> List[str]:
        """What axe-core finds wrong."""
        if not self.tab.evaluate("'axe' in window"):
            self.tab.evaluate(script)
        found = self.tab.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


def post(address: str, content: bytes, **fields: str) -> httpx.Response:
    """The service's own answer."""
    sent = {"file": ("a.png", content)}
    return httpx.post(f"{address}api/remove", files=sent, data=fields, timeout=60)


def asked(address: str, picture: Union[np.ndarray, bytes], **fields: str) -> np.ndarray:
    """The picture that the service answers with."""
    content = picture if isinstance(picture, bytes) else encoded(picture)
    return decoded(post(address, content, **fields).content)


def upload(name: str, content: bytes) -> dict:
    """A file as Playwright takes it for a field."""
    return {"name": name, "mimeType": "image/png", "buffer": content}


def graded(width: int = 160, height: int = 120, seed: int = 0) -> np.ndarray:
    """A picture of a red bar, which fades to the left; green and blue are anything."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    picture = np.array(small.resize((width, height), Image.BICUBIC))
    share = np.linspace(0, 1, width)
    red = np.select([share < 0.3, share < 0.6], [0, 80 + 95 * (share - 0.3) / 0.3], 255)
    picture[..., 0] = 0
    picture[height // 4 : 3 * height // 4, :, 0] = red
    return picture


def over(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """A picture RGBA over an opaque one, rounded once."""
    share = front[..., 3:] / 255.0
    return np.rint(behind + (front[..., :3] - behind.astype(float)) * share).astype(np.uint8)


def stroke(shape: Tuple[int, int], start: Point, end: Point, radius: float, soft: float) -> Any:
    """How much of each pixel a stroke covers, 0 to 255, by its middle's distance to the line."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    along = np.subtract(end, start)
    offset = np.stack([x - start[0], y - start[1]], -1)
    share = np.clip(offset @ along / (along @ along), 0, 1)
    distance = np.linalg.norm(offset - share[..., None] * along, axis=-1)
    edge = max(radius * soft, 1)
    return np.rint(255 * np.clip((radius + edge / 2 - distance) / edge, 0, 1))


def recoloured(picture: np.ndarray, cut: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A cut-out of another opacity: what is kept goes over to the picture's colours."""
    found = cut[..., 3].astype(float)
    kept = np.clip((alpha - found) / np.maximum(255 - found, 1), 0, 1)[..., None]
    seen = np.where(found[..., None] > 0, cut[..., :3], picture).astype(float)
    colours = np.rint(seen + kept * (picture - seen))
    colours[alpha == 0] = 0
    return np.dstack([colours, alpha]).astype(np.uint8)


# Of linear colours, adapted to D50 by Bradford's method: Display P3 to XYZ, XYZ to sRGB.
_P3 = np.array(
    [[0.51512, 0.29198, 0.1571], [0.24119, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
_SRGB = [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540]]
_SRGB += [[0.0719453, -0.2289914, 1.4052427]]


def display_p3() -> bytes:
    """A colour profile of Display P3's colours, with a gamma of 2."""
    tags = {}
    for name, column in zip("rgb", _P3.T):
        place = struct.pack(">3i", *(round(value * 65536) for value in column))
        tags[f"{name}XYZ".encode()] = (b"XYZ ", place)
        tags[f"{name}TRC".encode()] = (b"curv", struct.pack(">IH", 1, 2 * 256))
    return icc(b"RGB ", b"XYZ ", b"mntr", tags)


def srgb_of_p3(colours: np.ndarray) -> np.ndarray:
    """Colours of `display_p3` in sRGB, 0 to 255."""
    linear = np.clip((colours / 255.0) ** 2 @ _P3.T @ np.array(_SRGB).T, 0, 1)
    low, high = 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high) * 255
