"""What a frame of a camera costs: milliseconds of the processor, for each part of the live loop.

    python benchmarks/video_live.py exported/int8 [--video FILE] [--size 640x360] [--frames 150]

Everything runs in one thread, so that the sum is what a core does: at 25 frames a second two cores
have 80 ms for a frame. `opacity` is all of `LiveMatting`, told apart by whether the network saw the
frame; `page` is what the service does besides, for the page's camera. The live loop gives a slow
network a thread of its own, which changes when it runs, not what it costs.
"""

from __future__ import annotations

import argparse
import io
import time
from fractions import Fraction
from typing import Any, Callable, Dict, List

import cv2
import numpy as np
from PIL import Image

from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.removal.backgrounds import parse_background
from paddleseg_u2net.video.colours import Colours
from paddleseg_u2net.video.composing import Composer
from paddleseg_u2net.video.composing.choosing import backdrop
from paddleseg_u2net.video.live import LiveMatting
from paddleseg_u2net.video.settings import Settings

BUDGET = 80.0  # ms of two cores at 25 frames a second


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    width, height = map(int, arguments.size.split("x"))
    frames = _frames(arguments.video, width, height, arguments.frames)
    cv2.setNumThreads(1)
    model = load_model(arguments.model, threads=1)
    print(model)
    remover = Remover(model.pipeline, model.in_channels)
    for every in (1, 2, 3):
        spent = _spent(frames, remover, every)
        print(f"\nnetwork on 1 of {every}: ms of the processor, means of {len(frames) - 1} frames")
        for name, values in spent.items():
            print(f"  {name:22} {np.mean(values):7.2f}   (median {np.median(values):.2f})")
        live = sum(np.sum(spent[name]) for name in ("opacity", "blurred background"))
        per_frame = live / (len(frames) - 1)
        print(f"  {'live, a frame':22} {per_frame:7.2f}   {per_frame / BUDGET:.2f} of two cores")


def _spent(frames: List[np.ndarray], remover: Remover, every: int) -> Dict[str, List[float]]:
    """Milliseconds of each part, by its name, for each frame but the first."""
    settings = Settings(every=every, ahead=0, live=True)
    live = LiveMatting(remover, settings, interval=10.0)  # as often as it is told
    height, width = frames[0].shape[:2]
    behind = backdrop(parse_background("blur"), (width, height))
    blurred = Composer((width, height), "foreground", behind, Colours())
    spent: Dict[str, List[float]] = {}

    def timed(name: str, work: Callable[..., Any], *given: Any) -> Any:
        begun = time.process_time()
        found = work(*given)
        spent.setdefault(name, []).append((time.process_time() - begun) * 1000)
        return found

    from paddleseg_u2net.service.live.frames import MOST_PIXELS, decoded, encoded

    live(frames[0], Fraction(0))
    for number, picture in enumerate(frames[1:], 1):
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=85)
        sent = timed("page: decode", decoded, stream.getvalue(), MOST_PIXELS)
        matte = timed("opacity", live, sent, Fraction(number, 25))
        spent.setdefault("  with the network" if matte.ran else "  without", []).append(
            spent["opacity"][-1]
        )
        timed("blurred background", blurred, matte)
        timed("page: encode", encoded, matte.alpha)
    return spent


def _frames(video: str, width: int, height: int, count: int) -> List[np.ndarray]:
    """Frames of a video, or of a drawn object that moves over a texture."""
    if video:
        from paddleseg_u2net.io.video import open_video

        with open_video(video, size=(height, width)) as opened:
            return [frame.picture for frame, _ in zip(opened, range(count))]
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(0, 160, (30, 50, 3), np.uint8), (width, height))
    found = []
    for number in range(count):
        picture = texture.copy()
        centre = int(width * (0.5 + 0.2 * np.sin(number / 15))), int(height * 0.55)
        cv2.ellipse(picture, centre, (width // 7, height // 3), 10, 0, 360, (210, 190, 170), -1)
        noise = rng.normal(0, 3, picture.shape)
        found.append(np.clip(picture + noise, 0, 255).astype(np.uint8))
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--video", default="", help="else a drawn object")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--frames", type=int, default=150)
    return parser.parse_args()


if __name__ == "__main__":
    main()
