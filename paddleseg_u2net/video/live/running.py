"""A camera's frames, cut out and composed, to where they go, as they come."""

from __future__ import annotations

from contextlib import ExitStack, closing
from fractions import Fraction
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple

import cv2
import numpy as np

from paddleseg_u2net import signals
from paddleseg_u2net.io.video import Frame, VideoError
from paddleseg_u2net.log import logger
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.removal.crop import Size
from paddleseg_u2net.video.colours import Colours
from paddleseg_u2net.video.composing import Composer
from paddleseg_u2net.video.composing.choosing import backdrop
from paddleseg_u2net.video.job import Job
from paddleseg_u2net.video.live.cameras import LiveFrame, Source, open_source
from paddleseg_u2net.video.live.delays import Delays
from paddleseg_u2net.video.live.matting import USUAL_INTERVAL, LiveMatting
from paddleseg_u2net.video.live.newest import Newest
from paddleseg_u2net.video.live.sinks import Sink, open_sink
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.stages import staged

_TOLD_EVERY = 5.0  # seconds


def go_live(job: Job, load: Callable[[], Remover], settings: Settings) -> None:
    """Go on until the camera ends, its time is over, or the user ends it, by Ctrl-C too.

    Two threads work beside the camera's: one gives frames their opacity and what stands behind
    them, the caller's takes them to where they go.

    Args:
        load: loads the model, once camera and output are open.

    Raises:
        VideoError: there is no such camera, or it is gone; what was written plays.
        ValueError: the output cannot be had.
    """
    begun = False
    try:
        with ExitStack() as stack:
            source = stack.enter_context(
                open_source(job.source, job.size, start=job.start, rate=job.rate)
            )
            newest, delays = Newest(source), Delays()
            stack.callback(_tell_all, source, newest, delays)
            size = job.size or source.size
            behind = backdrop(job.background, size)
            if behind is not None:
                stack.callback(behind.close)
            colours = Colours() if settings.steady > 0 else None
            composer = Composer(size, job.only, behind, colours)
            sink = open_sink(job.output, size, source.rate, composer.kind, job.codec, job.crf)
            stack.push(lambda kind, *_: sink.close(kind is None))
            for note in sink.notes():
                logger.info(note)
            matting = LiveMatting(_warm(load(), source.size), settings)
            stack.callback(matting.close)
            stack.enter_context(newest)
            begun = True
            logger.info(f"{source.name}: {source.size[0]}x{source.size[1]} pixels; Ctrl-C ends")
            finished = staged(_composed(newest, matting, composer, size), 1)
            with closing(finished), newest.ended():
                _deliver(finished, sink, job.duration, newest, matting, delays)
    except KeyboardInterrupt:
        if not begun:
            raise
        logger.info("Interrupted.")


def _deliver(
    finished: Iterable[Tuple[LiveFrame, np.ndarray]],
    sink: Sink,
    duration: Optional[Fraction],
    newest: Newest,
    matting: LiveMatting,
    delays: Delays,
) -> None:
    """Take frame after frame to where they go, and tell now and then how fast that is."""
    lately, before = Delays(), (0, 0, 0)
    delays.begin()
    for came, picture in finished:
        if duration is not None and came.frame.time >= duration:
            return
        with signals.held():  # what is written is counted
            is_wanted = sink.write(picture, came.frame.time)
            for each in (delays, lately):
                each.add(came.came)
        if not is_wanted:
            return
        if lately.seconds >= _TOLD_EVERY:
            now = newest.dropped, matting.frames, matting.ran
            dropped, frames, ran = (new - old for new, old in zip(now, before))
            share = f"the network saw {ran / max(1, frames):.0%}"
            logger.info(f"{lately.told()}, {dropped} dropped, {share}")
            lately, before = Delays(), now


def _composed(
    newest: Newest, matting: LiveMatting, composer: Composer, size: Size
) -> Iterator[Tuple[LiveFrame, np.ndarray]]:
    """Finished frames, and the camera's of which they were made."""
    first: Any = None
    for came in newest:
        frame = came.frame
        first = first or frame.picture.shape
        if frame.picture.shape != first:
            told = [f"{width}x{height}" for height, width, _ in (first, frame.picture.shape)]
            raise VideoError(newest.name, f"its frames were {told[0]}, and are {told[1]} now")
        matting.pace.interval = newest.interval or USUAL_INTERVAL
        yield came, composer(matting(_fitted(frame, size), frame.time))


def _warm(remover: Remover, size: Size) -> Remover:
    """A model that has seen a frame: engines prepare themselves at the first one, for seconds."""
    remover.pipeline.probabilities(remover.prepare(np.zeros((size[1], size[0], 3), np.uint8))[None])
    return remover


def _fitted(frame: Frame, size: Size) -> np.ndarray:
    """A frame as large as it fits into the finished one."""
    height, width = frame.picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    if scale == 1:
        return frame.picture
    sides = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(frame.picture, sides, interpolation=how)


def _tell_all(source: Source, newest: Newest, delays: Delays) -> None:
    """Tell how it was, at the end."""
    for note in source.notes():
        logger.warning(f"{source.name}: {note}")
    if newest.came:
        logger.info(
            f"{delays.frames} frames in {delays.seconds:.1f} s, {delays.told()}, "
            f"{newest.dropped} of {newest.came} dropped"
        )
