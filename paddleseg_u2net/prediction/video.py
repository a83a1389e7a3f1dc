"""A video to a video of its foreground: reading, the network, composing and writing at once."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Callable, Generator, Iterator, Tuple

import numpy as np

from paddleseg_u2net import signals
from paddleseg_u2net.io.video import (
    Video,
    VideoError,
    VideoWriter,
    open_video,
    open_writer,
    video_format,
)
from paddleseg_u2net.log import logger
from paddleseg_u2net.prediction.jobs import refuse_overwriting
from paddleseg_u2net.prediction.pipelining import DISK_ERRORS
from paddleseg_u2net.prediction.video_report import Report
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.removal.crop import Size
from paddleseg_u2net.video.colours import Colours
from paddleseg_u2net.video.composing import Composer
from paddleseg_u2net.video.composing.choosing import Moving, backdrop
from paddleseg_u2net.video.job import Job
from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings
from paddleseg_u2net.video.stages import staged
from paddleseg_u2net.video.types import Matte

# What to do where the finished video would be written over one that is read.
_INSTEAD = "choose another OUTPUT"
# Finished frames that wait for the encoder.
_WAITING = 2


def remove_from_video(
    job: Job, load: Callable[[], Remover], settings: Settings, report: Report
) -> None:
    """Write the video of a video's foreground.

    However it ends, what was written has its name and plays.

    Args:
        load: loads the model, once it is sure that the videos can be read and written.
        report: is told of every frame, and of what was repaired.

    Raises:
        VideoError, ImageError: a video or a background cannot be read, or not be written so.
        OSError: the disk is full; the message says how much is written.
    """
    _check_places(job)
    with ExitStack() as stack:
        stack.enter_context(_end_told(job, report))
        video, size = _opened(job)
        stack.callback(lambda: report.note(job.source, video.notes()))
        stack.enter_context(video)
        behind = backdrop(job.background, size)
        if behind is not None:
            name, notes = str(job.background), behind.notes
            stack.callback(lambda: report.note(name, notes()))
            stack.callback(behind.close)
        colours = Colours() if settings.steady > 0 else None
        composer = Composer(size, job.only, behind, colours)
        writer = _writer(job, composer.kind, size, video)
        stack.callback(lambda: report.note(job.output, writer.notes()))
        stack.enter_context(_ended(writer))
        _write(video, load(), settings, composer, writer, report)


def _write(
    video: Video,
    remover: Remover,
    settings: Settings,
    composer: Composer,
    writer: VideoWriter,
    report: Report,
) -> None:
    """Write all frames, while the next ones are made."""
    begun = time.perf_counter()
    found = mattes(video, remover, settings)
    finished = staged(_composed(found, composer), _WAITING)
    progress = Progress(video.info.frames, "removing", "frames")
    with closing(finished), progress:
        for matte, picture in finished:
            with signals.held():  # what is written is told
                writer.write(picture, matte.frame.time)
                report.add(matte)
            report.seconds = time.perf_counter() - begun
            progress.update()


def _composed(
    found: Generator[Matte, None, None], composer: Composer
) -> Iterator[Tuple[Matte, np.ndarray]]:
    with closing(found):
        for matte in found:
            yield matte, composer(matte)


@contextmanager
def _ended(writer: VideoWriter) -> Iterator[None]:
    """A writer that ends its file although it was interrupted, and without being interrupted."""
    writer.__enter__()
    try:
        yield
    except BaseException:
        with signals.held():
            writer.__exit__(*sys.exc_info())
        raise
    with signals.held():
        writer.__exit__(None, None, None)


@contextmanager
def _end_told(job: Job, report: Report) -> Iterator[None]:
    """Tell how much is written where the work is cut off."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            told = f"{job.output}: {error.strerror}; {_left_by_disk(job, report)}"
            raise OSError(error.errno, told) from error
        if report.frames:
            logger.warning(f"{job.output}: {report.written()}")
        raise


def _left_by_disk(job: Job, report: Report) -> str:
    """What a full disk has left: less than was given to the encoder, which holds frames back."""
    if not video_format(job.output).container:
        return report.written()
    try:
        with open_video(job.output) as video:
            seconds = float(video.info.duration or 0)
    except VideoError:
        return "nothing was written"
    return f"{seconds:.1f} s are written, and play"


def _opened(job: Job) -> Tuple[Video, Size]:
    """The video, and the size of the finished one."""
    video = open_video(job.source, job.start, job.duration, job.rate)
    own = video.info.width, video.info.height
    if job.size is None:
        return video, own
    video.close()
    scale = min(size / side for size, side in zip(job.size, own))
    width, height = (max(1, round(side * scale)) for side in own)
    size = (height, width)
    return open_video(job.source, job.start, job.duration, job.rate, size), job.size


def _writer(job: Job, kind: str, size: Size, video: Video) -> VideoWriter:
    width, height = size
    return open_writer(
        job.output,
        height,
        width,
        video.info.rate,
        kind,
        job.codec,
        job.crf,
        job.source if Path(job.source).is_file() else None,
        job.start,
        job.duration,
    )


def _check_places(job: Job) -> None:
    """Refuse to write over what is read."""
    source, output = Path(job.source), Path(job.output)
    read = [source]
    if isinstance(job.background, Moving):
        read.append(Path(job.background.path))
    refuse_overwriting(read, [output], _INSTEAD)
    if not (source.is_file() or video_format(output).container):  # folders of frames, both
        folders = [path.parent if path.suffix else path for path in (source, output)]
        refuse_overwriting(folders[:1], folders[1:], _INSTEAD)
