"""A frame of a video laid over a background, beside the composing of single pictures.

    python benchmarks/video_composing.py [--rounds 20]

Both sides lay the same frame (an ellipse with a soft edge over noise) over the same background, in
turn, in one thread; what a frame takes of the processor is the median. The bits of a colour or a
picture behind are compared, of a blur the difference is told.
"""

import argparse
import statistics
import time
from fractions import Fraction
from typing import Any, Callable, Iterator, List, Tuple

import cv2
import machine
import numpy as np

from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Blur, Scene
from paddleseg_u2net.removal.composing import over
from paddleseg_u2net.removal.crop import Frame as Shown
from paddleseg_u2net.video.composing import Composer
from paddleseg_u2net.video.composing.backgrounds import OutOfFocus, Still
from paddleseg_u2net.video.types import Matte

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}


def matte(width: int, height: int) -> Matte:
    """A frame of smooth noise, whose foreground is a fifth of it."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.uint8)
    axes = width // 5, height // 3
    cv2.ellipse(alpha, (width // 2, height // 2), axes, 0, 0, 360, (255,), -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), height / 120)
    return Matte(Frame(cv2.blur(noise, (9, 9)), Fraction(0), 0), alpha, 1, True, True, False)


def milliseconds(calls: List[Callable[[], Any]], rounds: int) -> List[float]:
    """What each call takes of the processor; they are called in turn."""
    times: List[List[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, own in zip(calls, times):
            began = time.process_time()
            call()
            own.append(1000 * (time.process_time() - began))
    return [statistics.median(own) for own in times]


def sides(given: Matte) -> Iterator[Tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """What is behind, and the two ways of laying the frame over it."""
    picture, alpha = given.frame.picture, given.alpha
    size = alpha.shape[1], alpha.shape[0]
    scene, front = Scene(picture[::-1, ::-1].copy()), np.dstack([picture, alpha])
    shown, blur = Shown((0, 0, *size), size), Blur()
    still = Composer(size, backdrop=Still(scene, size))
    blurred = Composer(size, backdrop=OutOfFocus(blur, size))
    clear = Composer(size)
    yield "a picture", lambda: over(front, scene.picture), lambda: still(given)
    yield (
        "its blur",
        lambda: over(front, blur.behind(shown, picture, alpha)),
        lambda: blurred(given),
    )
    yield "nothing", lambda: np.dstack([picture, alpha]), lambda: clear(given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    print(machine.describe())
    print("| frame | behind | single picture, ms | video, ms | ratio | difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (width, height) in SIZES.items():
        given = matte(width, height)
        for behind, single, video in sides(given):
            first, second = milliseconds([single, video], rounds)
            difference = np.abs(single().astype(int) - video())[given.alpha > 0].mean()
            print(
                f"| {name} | {behind} | {first:.1f} | {second:.1f} | {first / second:.1f} | "
                f"{difference:.2f} |"
            )


if __name__ == "__main__":
    main()
