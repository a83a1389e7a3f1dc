"""``tools/video.py``: a video in, a video of its foreground out, steady."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import Any, Dict, List, Tuple

from paddleseg_u2net.commands.arguments import model_of
from paddleseg_u2net.commands.video.flags import job_of, video_parser
from paddleseg_u2net.commands.video.live import run_live
from paddleseg_u2net.env import cores
from paddleseg_u2net.io.files import check_writable
from paddleseg_u2net.io.images import ImageError
from paddleseg_u2net.io.video import VideoError, video_format
from paddleseg_u2net.log import logger, start_logging
from paddleseg_u2net.prediction.naming import STREAM
from paddleseg_u2net.prediction.video import remove_from_video
from paddleseg_u2net.prediction.video_report import Report
from paddleseg_u2net.removal import TRANSPARENT, Background, Remover
from paddleseg_u2net.video.composing.choosing import video_background
from paddleseg_u2net.video.job import Job
from paddleseg_u2net.video.settings import Settings


def run(argv: List[str]) -> int:
    """Write the video; 1 if it cannot be, 0 otherwise."""
    parser = video_parser()
    arguments = parser.parse_intermixed_args(argv)
    if arguments.source is not None and not arguments.live:
        parser.error("--source: a camera is live; add --live")
    source, output = ("", "") if arguments.live else _ends(parser, arguments)
    try:
        settings = Settings(
            every=arguments.every,
            steady=arguments.steady,
            presence=arguments.presence,
            networks=arguments.threads or cores(),
        )
        background = video_background(arguments.background)
    except (ImageError, VideoError):  # no fault of how the command was typed
        raise
    except ValueError as error:
        parser.error(f"--{error}")
    if arguments.live:
        return run_live(parser, arguments, settings, background)
    _check_kind(parser, arguments.only, background, output)
    arguments.threads = 1  # frames are shared out, not each frame: nothing waits for a thread
    start_logging()
    job = job_of(arguments, source, output, background)
    return _run(arguments, job, settings)


def _ends(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Tuple[str, str]:
    """The input and the output."""
    ends = [*arguments.paths, *([arguments.output] if arguments.output else [])]
    if len(ends) != 2:
        parser.error(f"expected INPUT and OUTPUT, got {' '.join(ends) or 'nothing'}")
    if STREAM in ends:
        parser.error("-: a video's index comes last, so it goes through no pipe; name a file, or "
                     "add --live for raw frames on standard output")  # fmt: skip
    return ends[0], ends[1]


def _check_kind(
    parser: argparse.ArgumentParser, only: str, background: Background, output: str
) -> None:
    """Refuse what an output of that name cannot hold."""
    if only == "matte" and background != TRANSPARENT:
        parser.error("--background: a matte has none; leave it out, or --only matte")
    try:
        video_format(output, alpha=only != "matte" and not background.opaque)
    except VideoError as error:
        parser.error(str(error))


def _run(arguments: argparse.Namespace, job: Job, settings: Settings) -> int:
    if arguments.json:
        check_writable(arguments.json, name=f"--json {arguments.json}")
    told = {"model": arguments.model, "input": job.source, "output": job.output}
    report = Report({**told, "settings": _told(arguments)})

    def load() -> Remover:
        model = model_of(arguments, arguments.model)
        report.told["model"] = str(model.source)
        return Remover(model.pipeline, model.in_channels)

    try:
        remove_from_video(job, load, settings, report)
    finally:
        if arguments.json:
            report.write(arguments.json)
    logger.info(f"Done: {report.summary()}, in {job.output}")
    return 0


def _told(arguments: argparse.Namespace) -> Dict[str, Any]:
    """The options, without what stands for files."""
    files = ("paths", "output", "json", "model")
    given = {name: value for name, value in vars(arguments).items() if name not in files}
    return {n: str(v) if isinstance(v, Fraction) else v for n, v in given.items()}
