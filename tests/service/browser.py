"""The page in a real browser: what a person does with it, and what comes out."""

from __future__ import annotations

import base64
import contextlib
import io
import socket
import threading
import time
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest
import uvicorn
from PIL import Image

from paddleseg_u2net.service import Settings, create_app
from tests.service.asking import decoded, encoded
from tests.service.conftest import bright_remover

CHROMIUM = Path("/usr/bin/chromium")
# Loaded machines are slow; whoever waits for a condition does not wait longer than it takes.
PATIENCE = 30_000


class Graded:
    """A network that finds what is red, little by little, so that every opacity comes up."""

    output_type = "logits"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 12 * batch[:, :1]


@contextlib.contextmanager
def serving(network: Any = None, **settings: Any) -> Iterator[str]:
    """The address of a service that runs, in a thread."""
    app = create_app(Settings(**settings), {"bright": bright_remover(network)})
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
def chromium() -> Iterator[Any]:
    """A browser; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="make runtimes installs it")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
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

    def tab_of(self, name: str) -> None:
        """Open one of the panel's tabs."""
        self.tab.click(f"#tab_{name}")

    def choose(self, name: str, value: str) -> None:
        self.tab.check(f"input[name={name}][value={value}]")

    def set(self, name: str, value: Any) -> None:
        """Move a slider, or fill a field."""
        self.tab.locator(f"#{name}").fill(str(value))

    def download(self, button: str = "download") -> Path:
        """The file that a button saves, under a name that Playwright gives."""
        with self.tab.expect_download() as download:
            self.tab.click(f"#{button}:enabled")
        self.saved_as = download.value.suggested_filename
        return Path(download.value.path())

    def downloaded(self) -> np.ndarray:
        """The finished picture."""
        return np.array(Image.open(self.download()))


def asked(address: str, picture: np.ndarray, **fields: str) -> np.ndarray:
    """The service's own answer."""
    import httpx

    files = {"file": ("a.png", encoded(picture))}
    answer = httpx.post(f"{address}api/remove", files=files, data=fields)
    return decoded(answer.content)


def graded(width: int = 160, height: int = 120, seed: int = 0) -> np.ndarray:
    """A picture whose red goes from 0 to 255 from left to right; green and blue are anything."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    picture = np.array(small.resize((width, height), Image.BICUBIC))
    picture[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    return picture


def over(front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """A picture RGBA over an opaque one, rounded once."""
    share = front[..., 3:] / 255.0
    return np.rint(behind + (front[..., :3] - behind.astype(float)) * share).astype(np.uint8)


def png(picture: np.ndarray) -> io.BytesIO:
    return io.BytesIO(encoded(picture))
