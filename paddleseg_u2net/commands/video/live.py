"""``video --live``: a camera in, frames out as they come."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Tuple

from paddleseg_u2net.commands.arguments import model_of
from paddleseg_u2net.commands.video.flags import job_of
from paddleseg_u2net.io.video import VideoError, video_format
from paddleseg_u2net.log import start_logging
from paddleseg_u2net.removal import TRANSPARENT, Background, Remover
from paddleseg_u2net.video.live.running import go_live
from paddleseg_u2net.video.live.sinks import RAW, VIRTUAL, WINDOW, is_file
from paddleseg_u2net.video.settings import Settings


def run_live(
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    settings: Settings,
    background: Background,
) -> int:
    """Go on until the camera, or the user, ends it; 0 then."""
    source, output = _ends(parser, arguments)
    _check(parser, arguments, background, output)
    start_logging(stream=sys.stderr if output == RAW else None)

    def load() -> Remover:
        arguments.threads = settings.at_once  # one frame is in the network at a time
        model = model_of(arguments, arguments.model)
        return Remover(model.pipeline, model.in_channels)

    job = job_of(arguments, source, output, background)
    go_live(job, load, replace(settings, ahead=0, live=True))
    return 0


def _ends(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Tuple[str, str]:
    """The camera, or the video that is played, and where to."""
    ends = [*arguments.paths, *([arguments.output] if arguments.output else [])]
    if arguments.source is not None:
        ends.insert(0, arguments.source)
    if not 1 <= len(ends) <= 2:
        parser.error(f"expected --source N --live [OUTPUT], got {' '.join(ends) or 'nothing'}")
    return ends[0], ends[1] if len(ends) > 1 else WINDOW


def _check(
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    background: Background,
    output: str,
) -> None:
    """Refuse what cannot be."""
    if arguments.json:
        parser.error("--json: tells of a video that has an end; leave it out of --live")
    if arguments.only == "matte" and background != TRANSPARENT:
        parser.error("--background: a matte has none; leave it out, or --only matte")
    has_alpha = arguments.only != "matte" and not background.opaque
    if has_alpha and output.partition(":")[0] == VIRTUAL:
        parser.error(
            "virtual: a camera has no transparency; give a --background, such as '#00b140'"
        )
    if is_file(output):
        try:
            video_format(output, alpha=has_alpha)
        except VideoError as error:
            parser.error(str(error))
