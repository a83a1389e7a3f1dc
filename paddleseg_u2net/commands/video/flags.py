"""The flags of ``video``, and what their texts mean."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from typing import Tuple

from paddleseg_u2net.commands.arguments import add_device, add_engine, add_opts, add_plugins
from paddleseg_u2net.commands.parsing import Parser, at_least, file_of
from paddleseg_u2net.removal import Background
from paddleseg_u2net.removal.crop import parse_size
from paddleseg_u2net.video.composing import ONLY
from paddleseg_u2net.video.job import Job
from paddleseg_u2net.video.settings import Settings, parse_every

_USUAL = Settings()
_EXAMPLES = """examples:
  paddleseg_u2net video clip.mp4 cutout.webm                       transparent, with its sound
  paddleseg_u2net video clip.mp4 studio.mp4 --background blur      or white, beach.jpg, rain.mp4
  paddleseg_u2net video 'frames/*.png' cut --fps 25                pictures in, pictures out

docs/video.md has more."""


def video_parser() -> argparse.ArgumentParser:
    """The parser of all flags."""
    result = Parser(
        prog="video",
        usage="video INPUT OUTPUT [options], or video --source 0 --live [OUTPUT] [options]",
        description="Take the background out of a video.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument_group("which video, and where to").add_argument
    add("paths", nargs="*", metavar="INPUT", help="a video of any kind, a folder of frames, or a "
        "pattern such as 'frames/*.png'")  # fmt: skip
    add("--output", "-o", metavar="OUTPUT", help="may stand behind the input without this flag: a "
        "file, whose suffix says what it is: .mp4, .mkv, or "
        "with transparency .webm, .mov, .webp; a folder for a PNG of each frame")  # fmt: skip
    add("--start", type=_seconds, default=Fraction(0), metavar="TIME", help="begin there: seconds, "
        "or [h:]mm:ss")  # fmt: skip
    add("--duration", type=_seconds, metavar="TIME", help="how much of it; else to its end")
    add("--fps", type=_rate, metavar="RATE", help="frames a second of a folder or a pattern, such "
        "as 25 or 30000/1001")  # fmt: skip
    add("--source", metavar="N", help="in place of INPUT, with --live: a camera by its number, its "
        "device, or the address of a stream")  # fmt: skip
    add("--live", action="store_true", help="as frames come, a file at its own times; the newest "
        "counts. OUTPUT may be left out: a window; -: raw frames on standard output; virtual: a "
        "camera for other programs")  # fmt: skip
    add("--json", type=file_of(".json"), metavar="FILE", help="what became of each frame: its "
        "time, how sure the object is, whether the network saw it, cuts")  # fmt: skip
    add = result.add_argument_group("what is kept").add_argument
    add("--only", choices=ONLY, default=ONLY[0], help="the foreground, or its opacity in grey")
    add("--background", metavar="WHAT", default="transparent", help="what stands behind it: "
        "transparent, a colour (white, '#f0f0f0'), a picture, another video, blur or blur:2%%: its "
        "own, out of focus")  # fmt: skip
    add("--size", type=_size, metavar="WxH", help="of the finished video; all of each frame is "
        "seen, the background fills the rest")  # fmt: skip
    add = result.add_argument_group("over time").add_argument
    add("--steady", type=float, default=_USUAL.steady, metavar="0..1", help="how steady edges are "
        f"over time: 0 is each frame by itself; else {_USUAL.steady:g}")  # fmt: skip
    add("--every", type=parse_every, default=_USUAL.every, metavar="N", help="the network sees "
        "each Nth frame, motion tells the others; auto: as many as there is motion")  # fmt: skip
    add("--presence", type=float, default=_USUAL.presence, metavar="LEAST", help="keep nothing "
        "while the model is less sure than this that there is an object, 0 to 1; else "
        f"{_USUAL.presence:g}")  # fmt: skip
    add = result.add_argument_group("the file").add_argument
    add("--codec", help="FFmpeg's name of another one, such as libx265")
    add("--crf", type=at_least(0), help="of codecs that have it: less is better and larger")
    group = result.add_argument_group("the model")
    group.add_argument("--model", "--model_path", default="u2netp", help="a name (u2netp, u2net, "
        "u2net_human_seg, silueta, ...), weights of any format, a folder with model.pdparams or of "
        "tools/export.py; else u2netp")  # fmt: skip
    group.add_argument("--config", help="YAML file; else the one saved beside the model, or what "
        "the weights say")  # fmt: skip
    add_opts(group)
    group = result.add_argument_group("how it runs")
    add_device(group)
    add_engine(group)
    add_plugins(group)
    return result


def job_of(arguments: argparse.Namespace, source: str, output: str, background: Background) -> Job:
    """What the flags ask for, of a video and where it goes."""
    return Job(
        source,
        output,
        arguments.start,
        arguments.duration,
        arguments.fps,
        arguments.only,
        background,
        arguments.size,
        arguments.codec,
        arguments.crf,
    )


_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


def _seconds(text: str) -> Fraction:
    found = _TIME.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected seconds such as 2.5, or [h:]mm:ss, got {text}")
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise argparse.ArgumentTypeError(
            f"expected frames a second such as 25 or 30000/1001, got {text}"
        )
    return rate


def _size(text: str) -> Tuple[int, int]:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from error
