r"""Videos without their background, whole processes, against rembg and backgroundremover, in turn.

    python benchmarks/video_speed.py --rembg /tmp/rembg/bin/rembg \
        --backgroundremover /tmp/bgr/bin/backgroundremover [--int8 FOLDER] [--kind webm|mp4]

A clip of `clips.py` at 1280x720 (H.264) becomes VP9 with transparency (``webm``) or H.264 over a
colour (``mp4``). All have the same weights of U²-NetP, in float32; --int8 names a folder that
``tools/export.py --precision int8`` made of them, which is a further row. rembg takes frames from a
pipe: ``ffmpeg | rembg b | ffmpeg``, with the encoder's settings of this project. backgroundremover
chooses its own for transparency, and takes its codec by name over a colour. Printed are wall time,
frames a second, and the processor's time of each process with its children.

backgroundremover calls ``ffmpeg`` and ``ffprobe``: name a folder that has them with --path.

``--live`` is another measurement: frames of 640x360 over a colour as a camera gives them, without
waiting for later ones, in float32 and of --int8, also with no more than AVX2.
"""

import argparse
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List

import clips
import exports
import machine

from paddleseg_u2net.io.video import open_video
from paddleseg_u2net.io.video.writing import CODECS
from paddleseg_u2net.weights import read_weights, write_weights

_SIZE = (1280, 720)
_COLOUR = (0, 120, 60)
_WORD = "#00783c"
_CODECS = {"webm": "libvpx-vp9", "mp4": "libx264"}


def ffmpeg() -> str:
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


def _encoder(kind: str) -> List[str]:
    """What ffmpeg is told so that it encodes as this project does."""
    name = _CODECS[kind]
    codec = CODECS[name]
    pixels = codec.formats["rgba" if kind == "webm" else "rgb"]
    words = ["-c:v", name, "-pix_fmt", pixels, "-crf", str(codec.crf)]
    for key, value in codec.options:
        words += ["-b:v" if key == "b" else f"-{key}", value]
    return words


def _ours(clip: Path, out: Path, model: Path, every: str) -> List[object]:
    words = ["--background", _WORD] if out.suffix == ".mp4" else []
    program = [sys.executable, exports.ROOT / "tools" / "video.py", clip, out]
    return [*program, "--model", model, "--every", every, *words]


def _rembg(program: Path, clip: Path, out: Path, rate: int) -> List[object]:
    """A shell's pipe of ffmpeg, rembg and ffmpeg."""
    width, height = _SIZE
    alone = ["-loglevel", "error", "-y"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    behind = ["-bgc", *_COLOUR, 255] if out.suffix == ".mp4" else []
    stages = [
        [ffmpeg(), *alone, "-i", clip, "-fps_mode", "passthrough", *raw],
        [program, "b", "-m", "u2netp", *behind, width, height],
        [ffmpeg(), *alone, "-f", "image2pipe", "-c:v", "png", "-framerate", rate, "-i", "-",
         *_encoder(out.suffix[1:]), out],
    ]  # fmt: skip
    return ["bash", "-o", "pipefail", "-c", " | ".join(shlex.join(map(str, s)) for s in stages)]


def _backgroundremover(program: Path, clip: Path, out: Path, colour: Path) -> List[object]:
    command = [program, "-m", "u2netp", "-i", clip, "-o", out]
    if out.suffix == ".webm":
        return [*command, "-tv"]
    return [
        *command,
        "-toi",
        "-bi",
        colour,
        "--alpha-codec",
        "libx264",
        "--alpha-pix-fmt",
        "yuv420p",
    ]


def _compare(arguments: argparse.Namespace, kind: str, work: Path) -> None:
    """Run all sides in turn; print their times and this project's ratios."""
    source = _clip(arguments, work)
    clip = work / "clip.mp4"
    frames = arguments.frames
    _cut(work / "whole.mp4", clip, frames)
    weights = exports.weights_of("U2NetP", arguments.weights, work)
    sides: Dict[str, List[object]] = {
        "float32": _ours(clip, work / f"ours.{kind}", weights, "auto")
    }
    if arguments.int8:
        sides["int8"] = _ours(clip, work / f"int8.{kind}", arguments.int8, "auto")
    env = {**os.environ, "PYTHONPATH": str(exports.ROOT)}
    envs = dict.fromkeys(sides, env)
    if arguments.rembg:
        home = work / "rembg"
        home.mkdir(exist_ok=True)
        write_weights(home / "u2netp.onnx", read_weights(weights))
        sides["rembg"] = _rembg(arguments.rembg, clip, work / f"rembg.{kind}", source.rate)
        envs["rembg"] = {**os.environ, "U2NET_HOME": str(home), "MODEL_CHECKSUM_DISABLED": "1"}
    if arguments.backgroundremover:
        colour = work / "colour.png"
        _write_colour(colour)
        sides["backgroundremover"] = _backgroundremover(
            arguments.backgroundremover, clip, work / f"theirs.{kind}", colour
        )
        path = os.pathsep.join([str(arguments.path or ""), os.environ["PATH"]])
        envs["backgroundremover"] = {**os.environ, "U2NETP_PATH": str(weights), "PATH": path}
    runs: Dict[str, List[machine.Run]] = {name: [] for name in sides}
    for _ in range(arguments.rounds):
        for name, command in sides.items():
            runs[name].append(machine.run(command, envs[name]))
    print(f"\n{source.name}, {frames} frames of {_SIZE[0]}x{_SIZE[1]}, to {_CODECS[kind]}")
    _print(runs, frames)


def _print(runs: Dict[str, List[machine.Run]], frames: int) -> None:
    wall = {name: machine.median([run.seconds for run in of]) for name, of in runs.items()}
    busy = {name: machine.median([run.processor for run in of]) for name, of in runs.items()}
    for name, of in runs.items():
        peak = max(run.peak_of_all for run in of) / 2**20
        ratios = [
            f"{wall[name] / wall[own]:6.2f}x the time of {own} "
            f"({busy[name] / busy[own]:.2f}x the processor's)"
            for own in ("float32", "int8")
            if own in wall and name not in ("float32", "int8")
        ]
        print(
            f"{name:18} {wall[name]:7.2f} s  {frames / wall[name]:6.2f} frames/s  processor "
            f"{busy[name] / frames:6.3f} s a frame  peak {peak:5.0f} MiB  {', '.join(ratios)}"
        )


def _clip(arguments: argparse.Namespace, work: Path) -> clips.Clip:
    """The clip that is worked on, written to ``whole.mp4``: the first at that size that moves, with
    frames of one length.
    """
    known = clips.clips(arguments.data, "tune")
    fitting = [
        clip
        for clip in known
        if clip.size == _SIZE and not clip.varies and not clip.rotated and "still" not in clip.name
    ]
    if not (work / "whole.mp4").is_file():
        clips.write_clip(fitting[0], work / "whole.mp4")
    return fitting[0]


def _cut(whole: Path, target: Path, frames: int) -> None:
    """The first frames of a clip, which begins again at its end, copied as they are."""
    words = [
        "-loglevel",
        "error",
        "-y",
        "-stream_loop",
        "-1",
        "-i",
        whole,
        "-map",
        "0:v",
        "-c",
        "copy",
        "-frames:v",
    ]
    subprocess.run([ffmpeg(), *map(str, words), str(frames), str(target)], check=True)


def _write_colour(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", _SIZE, _COLOUR).save(path)


def _live(arguments: argparse.Namespace, work: Path) -> None:
    """Frames a second of a live picture, in processes of their own, since engines choose their
    instructions as they are loaded.
    """
    weights = exports.weights_of("U2NetP", arguments.weights, work)
    whole = _clip(arguments, work)
    small = work / "small.mp4"
    words = [
        "-loglevel",
        "error",
        "-y",
        "-i",
        work / "whole.mp4",
        "-map",
        "0:v",
        "-vf",
        "scale=640:360",
    ]
    subprocess.run([ffmpeg(), *map(str, words), str(small)], check=True)
    print(f"\nlive: {whole.name} at 640x360 over a colour")
    for isa in ("", "AVX2") if machine.has_newer_than_avx2() else ("",):
        for name, model in (("float32", weights), ("int8", arguments.int8)):
            if model:
                env = {**os.environ, "PYTHONPATH": str(exports.ROOT)}
                env.update({"ONEDNN_MAX_CPU_ISA": isa} if isa else {})
                command = [sys.executable, __file__, "--live_of", model, small]
                answer = subprocess.run(
                    list(map(str, command)), env=env, check=True, capture_output=True, text=True
                )
                told = json.loads(answer.stdout.splitlines()[-1])
                print(
                    f"{name:8} {isa or 'all instructions':16} {told['rate']:6.1f} frames/s, "
                    f"{told['median']:.0f} ms a frame in the median, {told['most']:.0f} at most; "
                    f"the network saw {told['ran']:.0%} of the frames"
                )


def _live_of(model: str, clip: str, seconds: float = 8.0) -> None:
    """Print as JSON how fast a live picture is, with frames that are there as soon as asked for."""
    from paddleseg_u2net import Predictor
    from paddleseg_u2net.video.colours import Colours
    from paddleseg_u2net.video.composing import Composer, backdrop, video_background
    from paddleseg_u2net.video.live import LiveMatting
    from paddleseg_u2net.video.settings import Settings

    with open_video(clip) as video:
        size, frames = (video.info.width, video.info.height), itertools.cycle(list(video))
    composer = Composer(size, "foreground", backdrop(video_background(_WORD), size), Colours())
    matting = LiveMatting(Predictor(model).remover, Settings(ahead=0))

    def shown() -> float:
        began = time.perf_counter()
        frame = next(frames)
        composer(matting(frame.picture, frame.time))
        return time.perf_counter() - began

    for _ in range(30):  # engines plan, and how long they take is learned
        shown()
    ran, started = matting.ran, time.perf_counter()
    took = []
    while time.perf_counter() - started < seconds:
        took.append(shown())
    elapsed = time.perf_counter() - started
    told = {
        "rate": len(took) / elapsed,
        "median": 1000 * machine.median(took),
        "most": 1000 * max(took),
        "ran": (matting.ran - ran) / len(took),
    }
    matting.close()
    print(json.dumps(told))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rembg", type=Path, help="the program")
    add("--backgroundremover", type=Path, help="the program")
    add("--path", type=Path, help="a folder with ffmpeg and ffprobe, for backgroundremover")
    add("--weights", type=Path, help="U²-NetP's, else those of ../shared")
    add("--int8", type=Path, help="a folder for OpenVINO in 8 bits, of the same weights")
    add("--data", type=Path, default=exports.SHARED / "data")
    add("--kind", choices=list(_CODECS), action="append", help="else both")
    add("--frames", type=int, default=90)
    add("--rounds", type=int, default=1)
    add("--work", type=Path, help="a folder in which clips and videos stay")
    add("--live", action="store_true")
    add("--live_of", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    if arguments.live_of:
        _live_of(*arguments.live_of)
        return
    print(machine.describe())
    work = arguments.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.live:
            _live(arguments, work)
        else:
            for kind in arguments.kind or _CODECS:
                _compare(arguments, kind, work)
        print(machine.describe().splitlines()[-1])
    finally:
        if arguments.work is None:
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
