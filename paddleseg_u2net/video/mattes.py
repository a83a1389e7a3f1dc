"""From frames to mattes: read, follow the motion, ask the network, make steady; all at once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Deque, Generator, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.upsampling import guided
from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.removal.presence import presence
from paddleseg_u2net.video.flow import Flow, Step
from paddleseg_u2net.video.gate import Gate
from paddleseg_u2net.video.levels import Levels
from paddleseg_u2net.video.outlines import enlarged
from paddleseg_u2net.video.pace import Pace
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.stages import staged
from paddleseg_u2net.video.steadier import Steadier
from paddleseg_u2net.video.types import Matte

# A network that sees frames at their own size has larger maps than the motion needs.
_LARGEST_CANVAS = 512
_PLAIN = Settings()


class Seen(NamedTuple):
    """A frame, how it came about from the one before, and its map and presence to be."""

    frame: Frame
    step: Step
    found: Optional[Future]


def mattes(
    frames: Iterable[Frame], remover: Remover, settings: Settings = _PLAIN
) -> Generator[Matte, None, None]:
    """Yield the mattes of the frames of a video, in order, one of each.

    Reading, the motion, the network and the finishing each have threads of their own; what comes
    out depends on none of them, and is the same in every run. An error of any of them comes behind
    the mattes of the frames before it. When this is closed, all threads end.

    Args:
        frames: all of one size; read in one thread, which is another one than the caller's.
        remover: a model's, such as ``Predictor("u2netp", threads=1).remover``.
        settings: how.
    """
    pool = ThreadPoolExecutor(settings.at_once)
    waiting = settings.waiting
    try:
        read = staged(frames, min(2, waiting))
        seen = staged(_seen(read, remover, settings, pool), waiting)
        yield from staged(_finished(seen, remover, settings), min(2, waiting))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _seen(
    frames: Generator[Frame, None, None],
    remover: Remover,
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> Iterator[Seen]:
    """Follow the motion, and give the network what it has to see; its answers come later."""
    flow, pace = Flow(), Pace(settings.every)
    canvas: Optional[Tuple[int, int]] = None
    with closing(frames):
        for frame in frames:
            size = frame.picture.shape[1], frame.picture.shape[0]
            if canvas is None:
                first, canvas = size, canvas_size(remover.pipeline, size)
            if size != first:
                raise ValueError(
                    f"frame {frame.number}: expected {first[0]}x{first[1]} pixels, as those before "
                    f"it have, got {size[0]}x{size[1]}"
                )
            step = flow.push(canvas_of(frame.picture, canvas))
            found = None
            if pace(step):
                found = pool.submit(found_in, remover, remover.prepare(frame.picture), size, canvas)
            yield Seen(frame, step, found)


def canvas_size(pipeline: Pipeline, size: Tuple[int, int]) -> Tuple[int, int]:
    """The width and height at which the motion is followed, in frames of such ones: the maps'."""
    preprocess = pipeline.preprocess
    width, height = size
    if preprocess.fit:
        width, height = preprocess.fit.sizes(size)[-1]
        plane = np.broadcast_to(np.float32(0), (1, height, width))
        height, width = preprocess.fit.unpadded(plane, size).shape[1:]
    elif preprocess.size and pipeline.window is None:
        width, height = preprocess.size
    scale = min(1.0, _LARGEST_CANVAS / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def canvas_of(picture: np.ndarray, canvas: Tuple[int, int]) -> np.ndarray:
    """The canvas of a frame, uint8 (h, w)."""
    small = cv2.resize(picture, canvas, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def found_in(
    remover: Remover, batch: np.ndarray, size: Tuple[int, int], canvas: Tuple[int, int]
) -> Tuple[np.ndarray, float]:
    """The map of a frame on the canvas, float32 (h, w), and its presence."""
    pipeline = remover.pipeline
    probability = pipeline.probabilities(batch[None])[0]
    probability = pipeline.preprocess.fit.unpadded(probability, size)
    plane = probability[0] if len(probability) == 1 else 1 - probability[0]
    if plane.shape[::-1] != canvas:
        plane = cv2.resize(plane, canvas, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(plane, np.float32), presence(probability)


def _finished(
    seen: Generator[Seen, None, None], remover: Remover, settings: Settings
) -> Iterator[Matte]:
    """Make the maps steady, and mattes of them; after an error those of the frames before it."""
    finishing = Finishing(remover.pipeline, settings)
    stopped: Optional[Exception] = None
    with closing(seen):
        try:
            for one in seen:
                yield from finishing.push(one)
        except Exception as error:
            stopped = error
    yield from finishing.flush()
    if stopped is not None:
        raise stopped


class Finishing:
    """From maps on the canvas to the opacity of frames."""

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        self._pipeline, self._steady = pipeline, settings.steady > 0
        self._steadier = Steadier(settings.steady, settings.ahead)
        self._gate, self._levels = Gate(settings.presence), Levels(settings.steady)
        self._waiting: Deque[Tuple[Seen, Optional[float]]] = deque()

    def push(self, seen: Seen) -> Iterator[Matte]:
        """Take the next frame; give the mattes that are ready."""
        found, sure = seen.found.result() if seen.found else (None, None)
        self._waiting.append((seen, sure))
        return self._mattes(self._steadier.push(seen.frame.number, found, seen.step))

    def flush(self) -> Iterator[Matte]:
        """Give the mattes of the frames that wait for later ones."""
        return self._mattes(self._steadier.flush())

    def _mattes(self, ready: List[Tuple[int, np.ndarray]]) -> Iterator[Matte]:
        for _, canvas in ready:
            seen, sure = self._waiting.popleft()
            share = self._gate.push(sure, seen.step.cut)
            if self._pipeline.preprocess.preset.normalises:
                canvas = self._levels(canvas, seen.step.cut)
            yield Matte(
                seen.frame,
                self._alpha(canvas, seen.frame.picture, share),
                self._gate.presence,
                self._gate.found,
                seen.found is not None,
                seen.step.cut,
                seen.step.back,
            )

    def _alpha(self, canvas: np.ndarray, picture: np.ndarray, share: float) -> np.ndarray:
        """The opacity of a frame, uint8 (H, W)."""
        height, width = picture.shape[:2]
        if share == 0:
            return np.zeros((height, width), np.uint8)
        if self._steady:
            plane = enlarged(canvas, picture)
        elif self._pipeline.upsampling == "guided":
            plane = guided(canvas[None], picture)[0]
        else:
            plane = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_LINEAR)
        return cv2.convertScaleAbs(plane, alpha=255 * share)
