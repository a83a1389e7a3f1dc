"""How steady and right mattes of videos are: along the motion, one by one, and another tool's.

    python benchmarks/video_steadiness.py --model u2netp [--part test] [--count 20]
        [--data ../shared/data] [--clips FOLDER] [--steady 0.5] [--every auto] [--ahead 4]
        [--backgroundremover PROGRAM] [--videos FILE ...]

On the clips of `clips.py`, whose opacity is known, of each side, as means over the clips, and the
ratio to our frames one by one:

- dtSSD: the root of the mean squared difference between the opacity's changes from frame to frame
  and the true ones' (Erofeev et al. 2015), times 100;
- MAD: the mean absolute difference of opacity, times 1000;
- gradient: the mean squared difference of the gradients' lengths, of Gaussian derivatives of
  sigma 1.4 (Rhemann et al. 2009), times 1000;
- warp: without the truth, the mean absolute difference between the opacity and that of the frame
  before, moved along the motion of the pictures (DIS, medium), where motion forth and back agrees,
  times 1000.

Of --videos, whose opacity nobody knows, the warp error only. --clips keeps the written clips.
backgroundremover runs with its own u2netp weights, and its matte is read from the video it writes.
"""

import argparse
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import cv2
import machine
import numpy as np
from clips import COUNT, Clip, alphas, clips, write_clip
from scenes import PARTS

from paddleseg_u2net import Predictor
from paddleseg_u2net.io.video import Frame, open_video
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.render import foreground
from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings, parse_every

MEASURES = ("dtSSD", "MAD", "gradient", "warp")
_SIDE = 640  # frames are measured at most so wide
Alphas = Callable[[Path], Iterator[np.ndarray]]
Row = Dict[str, float]
Motion = Tuple[np.ndarray, np.ndarray, np.ndarray]


class _Pictures:
    """The motion from each frame's picture to the one before, where it is sure."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._before: Optional[np.ndarray] = None

    def motion(self, picture: np.ndarray) -> Optional[Motion]:
        """uint8 RGB -> where each pixel was, and whether motion forth and back agrees on it."""
        small = cv2.resize(picture, _measured(picture.shape), interpolation=cv2.INTER_AREA)
        now, before = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), self._before
        self._before = now
        if before is None:
            return None
        back = self._flow.calc(now, before, None)
        forth = self._flow.calc(before, now, None)
        y, x = np.mgrid[: now.shape[0], : now.shape[1]].astype(np.float32)
        at = x + back[..., 0], y + back[..., 1]
        returned = back + cv2.remap(forth, *at, cv2.INTER_LINEAR)
        agrees = (returned**2).sum(2) < 1
        # At a cut hardly anything agrees, and says nothing.
        return (*at, agrees) if agrees.mean() > 0.3 else None


class _Sums:
    """The four measures of one clip and side, frame after frame."""

    def __init__(self) -> None:
        self._before: Optional[tuple] = None
        self._found: Dict[str, List[float]] = defaultdict(list)

    def add(self, found: np.ndarray, truth: Optional[np.ndarray], motion: Optional[Motion]) -> None:
        """Count a frame's opacity and the true one, float32 (h, w), and the motion to it."""
        if truth is not None:
            self._found["MAD"].append(float(np.abs(found - truth).mean()) * 1000)
            self._found["gradient"].append(_gradient_error(found, truth) * 1000)
        if self._before is not None:
            last, last_truth = self._before
            if truth is not None:
                change = (found - last) - (truth - last_truth)
                self._found["dtSSD"].append(float(np.sqrt((change**2).mean())) * 100)
            if motion is not None:
                x, y, agrees = motion
                difference = np.abs(found - cv2.remap(last, x, y, cv2.INTER_LINEAR))
                self._found["warp"].append(float(difference[agrees].mean()) * 1000)
        self._before = found, truth

    def means(self) -> Dict[str, float]:
        """Each measure's mean over the frames."""
        return {name: float(np.mean(values)) for name, values in self._found.items()}


def _measured(shape: tuple) -> tuple:
    scale = min(1.0, _SIDE / shape[1])
    return round(shape[1] * scale), round(shape[0] * scale)


def _gradient_error(found: np.ndarray, true: np.ndarray) -> float:
    return float(((_gradient(found) - _gradient(true)) ** 2).mean())


def _gradient(alpha: np.ndarray, sigma: float = 1.4) -> np.ndarray:
    half = int(np.ceil(sigma * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * sigma * 1e-2))))
    at = np.arange(-half, half + 1)
    gauss = np.exp(-(at**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    slope = -at * gauss / sigma**2
    kernel = np.outer(gauss, slope)
    kernel /= np.sqrt((kernel**2).sum())
    border = {"borderType": cv2.BORDER_REPLICATE}
    x, y = (cv2.filter2D(alpha, cv2.CV_32F, each, **border) for each in (kernel, kernel.T))
    return np.sqrt(x**2 + y**2)


class _Sides(NamedTuple):
    """How each side makes a file's opacity."""

    remover: Remover
    settings: Settings
    program: Optional[str]

    def all(self) -> Dict[str, Alphas]:
        """By name; the first is what the others are compared with."""
        sides: Dict[str, Alphas] = {"one by one": self._alone, "steady": self._steady}
        if self.program:
            sides["backgroundremover"] = self._theirs
        return sides

    def _alone(self, path: Path) -> Iterator[np.ndarray]:
        for frame in _frames(path):
            yield foreground(self.remover.pipeline(frame.picture))

    def _steady(self, path: Path) -> Iterator[np.ndarray]:
        for matte in mattes(_frames(path), self.remover, self.settings):
            yield matte.alpha

    def _theirs(self, path: Path) -> Iterator[np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / "matte.mov"
            words = ["-i", str(path), "-m", "u2netp", "-mk", "-o", str(written)]
            subprocess.run([str(self.program), *words], check=True, capture_output=True)
            for frame in _frames(written):
                yield frame.picture[..., 0]


def _frames(path: Path) -> Iterator[Frame]:
    with open_video(path) as video:
        yield from video


def _measure(path: Path, sides: Dict[str, Alphas], truth: Optional[Clip]) -> Dict[str, Row]:
    """Each side's measures of a file, of whose clip the truth is known."""
    pictures, sums = _Pictures(), {name: _Sums() for name in sides}
    true = alphas(truth) if truth else iter(lambda: None, 0)
    frames = 0
    for frame, known, *found in zip(_frames(path), true, *(side(path) for side in sides.values())):
        motion = pictures.motion(frame.picture)
        for name, alpha in zip(sides, found):
            sums[name].add(
                _seen(alpha, frame), None if known is None else _seen(known, frame), motion
            )
        frames += 1
    if truth and frames != truth.count:
        print(f"  {path.name}: {frames} of {truth.count} frames")
    return {name: each.means() for name, each in sums.items()}


def _seen(alpha: np.ndarray, frame: Frame) -> np.ndarray:
    """uint8 opacity as it is measured: float32 in [0, 1], at most `_SIDE` wide."""
    size = _measured(frame.picture.shape)
    return cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) / np.float32(255)


def _told(name: str, rows: List[Row], base: List[Row]) -> str:
    cells = []
    for measure in MEASURES:
        if all(measure in row for row in rows):
            mean, other = (float(np.mean([row[measure] for row in each])) for each in (rows, base))
            cells.append(f"{measure} {mean:8.3f} ({mean / other:.3f})")
    return f"{name:20} " + "  ".join(cells)


def main() -> None:
    """Print each clip's measures, and their means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--part", choices=PARTS, default=PARTS[1])
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--steady", type=float, default=Settings().steady)
    parser.add_argument("--every", type=parse_every, default=Settings().every)
    parser.add_argument("--ahead", type=int, default=Settings().ahead)
    parser.add_argument("--backgroundremover", metavar="PROGRAM")
    parser.add_argument("--videos", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    print(machine.describe())
    # Presence off: what is measured is the opacity alone, on both sides.
    settings = Settings(arguments.every, arguments.steady, arguments.ahead, presence=0)
    remover = Predictor(arguments.model, threads=1).remover
    sides = _Sides(remover, settings, arguments.backgroundremover).all()
    chosen = clips(arguments.data, arguments.part, arguments.count) if arguments.count else []
    groups: Dict[str, Dict[str, List[Row]]] = {
        title: {name: [] for name in sides} for title in ("clips", "videos")
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for clip in chosen:
            path = folder / f"{clip.name}.mp4"
            if not path.exists():
                write_clip(clip, path)
            _compare(path, clip, sides, groups["clips"])
        for path in arguments.videos:
            _compare(path, None, sides, groups["videos"])
    for title, found in groups.items():
        if found["one by one"]:
            print(f"\nmeans over {len(found['one by one'])} {title}")
            for name, rows in found.items():
                print(_told(name, rows, found["one by one"]))


def _compare(
    path: Path, clip: Optional[Clip], sides: Dict[str, Alphas], group: Dict[str, List[Row]]
) -> None:
    print(path.stem, flush=True)
    for name, row in _measure(path, sides, clip).items():
        group[name].append(row)
        print(" ", _told(name, [row], group["one by one"][-1:]), flush=True)


if __name__ == "__main__":
    main()
