"""Make the pictures of the service's page: python docs/images/page.py [MODEL].

Needs playwright, /usr/bin/chromium, and the photographs that scikit-image brings, which are free of
copyright (coffee: R. Michetti, rocket: SpaceX, both CC0; astronaut: NASA, public domain).
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
WIDE, PHONE = {"width": 1180, "height": 740}, {"width": 360, "height": 700}


@contextlib.contextmanager
def serving(model: str) -> Iterator[str]:
    """The address of a service that runs."""
    command = [sys.executable, "-m", "paddleseg_u2net", "serve", "--port", "0", "--model", model]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert process.stdout
    try:
        for line in process.stdout:
            found = re.search(r"Serving on (http\S+)", line)
            if found:
                yield found[1]
                return
        raise SystemExit("the service did not start")
    finally:
        process.terminate()
        process.wait()


def photographs() -> list:
    """As Playwright takes files."""
    found = []
    for name in ("coffee", "astronaut", "rocket"):
        content = io.BytesIO()
        Image.fromarray(getattr(data, name)()).save(content, "PNG")
        found.append({"name": f"{name}.png", "mimeType": "", "buffer": content.getvalue()})
    return found


def opened(browser: Any, address: str, files: list, **context: Any) -> Any:
    """A tab with pictures that are finished."""
    tab = browser.new_context(**context).new_page()
    tab.goto(address)
    tab.set_input_files("#files", files)
    tab.locator("#list .done").nth(len(files) - 1).wait_for()
    tab.locator("#stage[aria-busy=false]").wait_for()
    return tab


def select(tab: Any, name: str) -> None:
    """Show another picture of the list."""
    tab.locator(f"#list .select[aria-label^={name}]").click()
    tab.locator("#stage[aria-busy=false]").wait_for()


def shot(tab: Any) -> Image.Image:
    """What the tab shows, once it is at rest."""
    tab.wait_for_timeout(700)
    return Image.open(io.BytesIO(tab.screenshot())).convert("RGB")


def save(picture: Image.Image, name: str) -> None:
    """Beside this file."""
    picture.save(HERE / f"page_{name}.webp", quality=82, method=6)


def split(tab: Any, share: float) -> None:
    """Put the slider."""
    box = tab.locator("#sheet").bounding_box()
    tab.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    tab.evaluate("document.activeElement.blur()")


def main(model: str) -> None:
    """Make all."""
    files = photographs()
    with serving(model) as address, sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = opened(browser, address, files, viewport=WIDE, locale="en-GB")
        split(tab, 0.42)
        save(shot(tab), "compare")
        select(tab, "astronaut")
        tab.click("#tab_touch_up")
        box = tab.locator("#easel").bounding_box()
        x, y = box["x"] + 0.02 * box["width"], box["y"] + 0.55 * box["height"]
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + 20, y + 0.2 * box["height"], steps=4)
        save(shot(tab), "brush")
        phones = []
        for scheme, act in (("light", split_blurred), ("dark", cropped), ("light", coloured)):
            tab = opened(
                browser, address, files, viewport=PHONE, locale="zh-CN", color_scheme=scheme
            )
            act(tab)
            phones.append(shot(tab))
        save(beside(phones), "telephone")
        browser.close()


def split_blurred(tab: Any) -> None:
    """Before and after, on the blurred background."""
    tab.check("input[value=blur]")
    split(tab, 0.35)


def cropped(tab: Any) -> None:
    """To the object."""
    select(tab, "rocket")
    tab.click("#tab_crop")
    tab.check("input[value=object]")
    tab.locator("#margin").fill("15")
    split(tab, 0.5)


def coloured(tab: Any) -> None:
    """On a colour."""
    select(tab, "astronaut")
    tab.check("input[value=colour]")
    tab.click("[data-colour='#438edb']")
    split(tab, 0)


def beside(pictures: list, gap: int = 24) -> Image.Image:
    """Pictures of one size in a row."""
    width, height = pictures[0].size
    found = Image.new("RGB", (len(pictures) * (width + gap) - gap, height), "white")
    for i, picture in enumerate(pictures):
        found.paste(picture, (i * (width + gap), 0))
    return found


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["u2netp"]))
