"""How strong maps of videos should be made steady: what each strength gives and costs.

    python benchmarks/video_strengths.py --model u2netp [--data ../shared/data] [--clips FOLDER]
        [--part tune] [--count 20] [--frames 36] [--strengths 0.5 0.75 1]

Of the middle frames of each clip the network makes maps once; then they are made steady with each
strength, four frames ahead, with none ahead, and with every second map left out. Printed are
`video_steadiness.py`'s measures against the truth, means over the clips, as parts of those of
single frames. --clips keeps the written clips.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import cv2
import machine
import numpy as np
from clips import COUNT, Clip, alphas, clips, write_clip
from scenes import PARTS
from video_steadiness import MEASURES

from paddleseg_u2net import Predictor
from paddleseg_u2net.io.video import Frame, open_video
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.render import foreground
from paddleseg_u2net.video.flow import Flow, Step
from paddleseg_u2net.video.levels import Levels
from paddleseg_u2net.video.mattes import canvas_of, canvas_size
from paddleseg_u2net.video.outlines import enlarged
from paddleseg_u2net.video.steadier import Steadier

_TOLD = ("dtSSD", "MAD", "gradient")
_SIDE = 480  # frames are measured at most so wide


class _Way(NamedTuple):
    strength: float
    ahead: int = 4
    every: int = 1


class _Shown(NamedTuple):
    """A frame, what the network makes of it, the step to it, and the true opacity."""

    frame: Frame
    probability: np.ndarray
    step: Step
    truth: np.ndarray


def _shown(path: Path, clip: Clip, remover: Remover, count: int) -> Iterator[_Shown]:
    flow, first = Flow(), max(0, (clip.count - count) // 2)
    with open_video(path) as video:
        for frame, truth in zip(video, alphas(clip)):
            if first <= frame.number < first + count:
                batch = remover.prepare(frame.picture)[None]
                size = canvas_size(remover.pipeline, frame.picture.shape[1::-1])
                step = flow.push(canvas_of(frame.picture, size))
                probability = remover.pipeline.probabilities(batch)[0]
                yield _Shown(frame, probability, step, _seen(truth))


def _steady(shown: List[_Shown], way: _Way) -> Iterator[np.ndarray]:
    steadier, levels = Steadier(way.strength, way.ahead), Levels(way.strength)
    ready = []
    for number, one in enumerate(shown):
        runs = number % way.every == 0 or one.step.cut
        ready += steadier.push(number, one.probability[0] if runs else None, one.step)
    for (_, canvas), one in zip(ready + steadier.flush(), shown):
        plane = enlarged(levels(canvas, one.step.cut), one.frame.picture)
        yield np.rint(255 * plane).astype(np.uint8)


def _seen(alpha: np.ndarray) -> np.ndarray:
    """uint8 opacity as it is measured: float32 in [0, 1], at most `_SIDE` wide."""
    scale = min(1.0, _SIDE / alpha.shape[1])
    size = round(alpha.shape[1] * scale), round(alpha.shape[0] * scale)
    return cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) / np.float32(255)


def _measured(shown: List[_Shown], found: Iterator[np.ndarray]) -> List[float]:
    scores: Dict[str, List[float]] = {name: [] for name in _TOLD}
    before: Optional[MapMaskPair] = None
    for one, alpha in zip(shown, found):
        pair = MapMaskPair(_seen(alpha), alpha=one.truth)
        pair.before = before
        if before is not None:
            before.before = None
        before = pair
        for name, values in scores.items():
            values.append(MEASURES[name].score(pair))
    return [float(np.nanmean(values)) for values in scores.values()]


def main() -> None:
    """Print a row for each strength."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--frames", type=int, default=36)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.5, 0.75, 1.0])
    arguments = parser.parse_args()
    print(machine.describe())
    remover = Predictor(arguments.model, threads=1).remover
    ways = [*map(_Way, arguments.strengths), _Way(1.0, ahead=0), _Way(1.0, every=2)]
    alone: List[List[float]] = []
    steady: Dict[_Way, List[List[float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.clips or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for clip in clips(arguments.data, arguments.part, arguments.count):
            path = folder / f"{clip.name}.mp4"
            if not path.exists():
                write_clip(clip, path)
            shown = list(_shown(path, clip, remover, arguments.frames))
            restored = (
                foreground(remover.pipeline.restore(one.probability, one.frame.picture))
                for one in shown
            )
            alone.append(_measured(shown, restored))
            for way, rows in steady.items():
                rows.append(_measured(shown, _steady(shown, way)))
    print("strength ahead every ", *(f"{name:>9}" for name in _TOLD))
    for way, rows in steady.items():
        ratios: Tuple[float, ...] = tuple(np.mean(rows, 0) / np.mean(alone, 0))
        words = f"{way.strength:8g} {way.ahead:5d} {way.every:5d} "
        print(words, *(f"{ratio:9.3f}" for ratio in ratios), flush=True)


if __name__ == "__main__":
    main()
