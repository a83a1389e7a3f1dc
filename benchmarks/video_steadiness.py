"""How steady and right mattes of videos are: along the motion, one by one, and another tool's.

    python benchmarks/video_steadiness.py --model u2netp [--part test] [--count 20]
        [--data ../shared/data] [--clips FOLDER] [--steady 0.5] [--every auto] [--ahead 4]
        [--backgroundremover PROGRAM] [--videos FILE ...]

On the clips of `clips.py`, whose opacity is known, of each side: dtSSD, MAD, the gradient error and
the warp error of `paddleseg_u2net.metrics`, at most 480 pixels wide, as means over the clips, and
the ratio to our frames one by one. Of --videos, whose opacity nobody knows, the warp error only.
--clips keeps the written clips. backgroundremover runs with its own u2netp weights, and its matte
is read from the video it writes.
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
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.matting.errors import MeanAbsoluteDifference
from paddleseg_u2net.metrics.matting.frames import ChangeError
from paddleseg_u2net.metrics.matting.gradient import GradientError
from paddleseg_u2net.metrics.matting.warp import WarpError
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.render import foreground
from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings, parse_every

MEASURES = {
    "dtSSD": ChangeError(),
    "MAD": MeanAbsoluteDifference(),
    "gradient": GradientError(),
    "warp": WarpError(),
}
_SIDE = 480  # frames are measured at most so wide
Alphas = Callable[[Path], Iterator[np.ndarray]]
Row = Dict[str, float]


def _measured(shape: Tuple[int, ...]) -> Tuple[int, int]:
    scale = min(1.0, _SIDE / shape[1])
    return round(shape[1] * scale), round(shape[0] * scale)


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
    scores: Dict[str, Dict[str, List[float]]] = {name: defaultdict(list) for name in sides}
    before: Dict[str, MapMaskPair] = {}
    true = alphas(truth) if truth else iter(lambda: None, 0)
    frames = 0
    for frame, known, *found in zip(_frames(path), true, *(side(path) for side in sides.values())):
        size = _measured(frame.picture.shape)
        image = cv2.resize(frame.picture, size, interpolation=cv2.INTER_AREA)
        for name, alpha in zip(sides, found):
            pair = MapMaskPair(
                _share(alpha, size), alpha=_share(known, size) if truth else None, image=image
            )
            pair.before = before.get(name)
            if pair.before is not None:
                pair.before.before = None
            before[name] = pair
            for measure, metric in MEASURES.items():
                if truth or measure == "warp":
                    scores[name][measure].append(metric.score(pair))
        frames += 1
    if truth and frames != truth.count:
        print(f"  {path.name}: {frames} of {truth.count} frames")
    return {
        name: {measure: float(np.nanmean(values)) for measure, values in found.items()}
        for name, found in scores.items()
    }


def _share(alpha: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """uint8 opacity as it is measured: float32 in [0, 1]."""
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
