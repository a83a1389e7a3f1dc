"""Make the picture of the page's camera: python docs/images/camera.py [MODEL].

Chromium takes a photograph that moves for its camera: the astronaut of scikit-image (NASA, public
domain). Needs playwright and /usr/bin/chromium, as `page.py` beside it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from page import CHROMIUM, HERE, beside, serving, shot
from playwright.sync_api import sync_playwright
from skimage import data

WIDTH, HEIGHT, COUNT = 640, 360, 60
SCREEN = {"width": 820, "height": 560}


def film(path: Path) -> None:
    """A photograph that goes to and fro, as uncompressed video."""
    small = cv2.resize(data.astronaut(), (400, 400), interpolation=cv2.INTER_AREA)
    photo = cv2.copyMakeBorder(small, 0, 0, 200, 200, cv2.BORDER_REPLICATE)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F20:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(COUNT):
            turn = 2 * np.pi * number / COUNT
            left, top = int(90 + 40 * np.sin(turn)), int(20 + 15 * np.cos(turn))
            part = photo[top : top + HEIGHT, left : left + WIDTH]
            file.write(b"FRAME\n" + cv2.cvtColor(part, cv2.COLOR_RGB2YUV_I420).tobytes())


def main(model: str) -> None:
    """Make it."""
    with tempfile.TemporaryDirectory() as folder, serving(model) as address:
        film(Path(folder, "film.y4m"))
        words = [
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={folder}/film.y4m",
        ]
        with sync_playwright() as player:
            browser = player.chromium.launch(executable_path=CHROMIUM, args=words)
            tab = browser.new_context(viewport=SCREEN, locale="en-GB").new_page()
            tab.goto(address)
            tab.click("#to_camera")
            tab.click("#camera_switch")
            tab.wait_for_selector("#camera[data-state=on]")
            found = []
            for kind in ("blur", "colour"):
                tab.check(f"input[name=behind][value={kind}]")
                tab.wait_for_timeout(2500)
                found.append(shot(tab))
            browser.close()
        beside(found).save(HERE / "page_camera.webp", quality=80, method=6)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["u2netp"]))
