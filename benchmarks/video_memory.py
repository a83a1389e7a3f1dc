"""Peak memory of a short and of a long video: it must not grow with the length.

    python benchmarks/video_memory.py [--model_path MODEL] [--rate 5] [--kind mp4|webm]

A clip of `clips.py` at 1920x1080 with sound is repeated to 10 seconds and to 10 minutes (or
--minutes) of --rate frames a second, and ``tools/video.py`` takes the background out of both, each
in a process of its own, whose peak is the kernel's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

import clips
import exports
import machine
from video_speed import ffmpeg

_SHORT = 10


def _sources(arguments: argparse.Namespace, work: Path) -> List[Path]:
    """The short video, and it again and again."""
    clip = next(
        clip
        for clip in clips.clips(arguments.data, "tune")
        if clip.size == (1920, 1080) and not clip.rotated and "still" not in clip.name
    )
    # 10 seconds of the clip, as long as each of its frames is shown at that rate.
    clip = clip._replace(rate=arguments.rate, varies=False, sounds=True)
    once, short, long = (work / f"{name}.mp4" for name in ("once", "short", "long"))
    clips.write_clip(clip, once)
    for target, seconds in ((short, _SHORT), (long, 60 * arguments.minutes)):
        words = ["-loglevel", "error", "-y", "-stream_loop", "-1", "-i", once]
        words += ["-c", "copy", "-t", seconds, target]
        subprocess.run([ffmpeg(), *map(str, words)], check=True)
    return [short, long]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model_path", type=Path, help="else the weights of ../shared")
    add("--data", type=Path, default=exports.SHARED / "data")
    add("--rate", type=int, default=5, help="frames a second")
    add("--minutes", type=float, default=10)
    add("--every", default="auto")
    add("--kind", choices=("mp4", "webm"), default="mp4")
    arguments = parser.parse_args()
    print(machine.describe())
    work = Path(tempfile.mkdtemp())
    try:
        model = arguments.model_path or exports.weights_of("U2NetP", None, work)
        env = {**os.environ, "PYTHONPATH": str(exports.ROOT)}
        peaks = []
        for source in _sources(arguments, work):
            command = [sys.executable, exports.ROOT / "tools" / "video.py", source]
            command += [
                work / f"out.{arguments.kind}",
                "--model",
                model,
                "--every",
                arguments.every,
            ]
            command += ["--background", "white"] if arguments.kind == "mp4" else []
            run = machine.run(command, env)
            peaks.append(run.peak / 2**20)
            print(f"{source.stem:6} peak {peaks[-1]:6.0f} MiB in {run.seconds:5.0f} s", flush=True)
        print(f"the long one takes {peaks[1] - peaks[0]:+.0f} MiB, {peaks[1] / peaks[0]:.2f} times")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
