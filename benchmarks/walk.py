"""Which files of the package one image enters, from its path to its PNG, or one map to its scores.

    python benchmarks/walk.py [predict | eval_maps]

The command runs with one image, and with several, in this process, under `sys.setprofile`. Files
that one image enters are those whose functions are called more often for more images. A climb is a
call from one of them into a file of a room on a higher floor (see tests/test_architecture.py): code
that was handed down and calls back.
"""

import argparse
import contextlib
import io
import runpy
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PACKAGE = ROOT / "paddleseg_u2net"
FLOORS = runpy.run_path(str(ROOT / "tests/test_architecture.py"))["FLOOR"]
ONE, MORE = 1, 5
WEIGHTS = ROOT.parent / "shared/weights/u2netp.pth"


def own(frame):
    """Return the path of a frame's file below the package, or None for other files."""
    name = frame.f_code.co_filename
    return name[len(str(PACKAGE)) + 1 :] if name.startswith(f"{PACKAGE}/") else None


def calls(command, arguments):
    """Run a command; count calls by (file of the nearest caller in the package, file called)."""
    from paddleseg_u2net.commands import main

    found = Counter()

    def profile(frame, event, _):
        called = own(frame) if event == "call" else None
        if called is None:
            return
        frame = frame.f_back
        while frame is not None and own(frame) is None:
            frame = frame.f_back
        found[frame and own(frame), called] += 1

    with contextlib.redirect_stdout(io.StringIO()):
        main(command, arguments)  # what happens only once in a process has happened
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            code = main(command, arguments)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    if code:
        sys.exit(f"{command} failed")
    return found


def images(folder, count, grey):
    """Write so many images, and masks of the same names."""
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        image = random.integers(0, 256, (40, 60, 3)).astype(np.uint8)
        image = image[..., 0] if grey else image
        Image.fromarray(image).save(folder / f"images/{number}.png")
        Image.fromarray(((image if grey else image[..., 0]) > 128).astype(np.uint8) * 255).save(
            folder / f"masks/{number}.png"
        )
    return folder


def arguments_of(command, folder, count):
    """Return the command line for so many images."""
    data = images(folder / f"{command}{count}", count, grey=command != "predict")
    if command == "predict":
        save_dir = str(folder / f"out{count}")
        return [
            *("--image_path", str(data / "images/*.png"), "--model_path", str(WEIGHTS)),
            *("--save_dir", save_dir, "--backend", "onnxruntime"),
        ]
    folders = ["--pred_dir", str(data / "images"), "--gt_dir", str(data / "masks")]
    return [*folders, "--metrics", "MAE", "--workers", "0"]


def walk(command, folder):
    """Return the files that an image enters, and its climbs, as pairs of files."""
    one, more = (calls(command, arguments_of(command, folder, count)) for count in (ONE, MORE))
    often = {pair for pair in one if more[pair] > one[pair]}
    files = {called for _, called in often}
    climbs = {pair for pair in often if pair[0] and _floor(pair[0]) < _floor(pair[1])}
    return sorted(files), sorted(climbs)


def _floor(file):
    return FLOORS[file.split("/")[0].removesuffix(".py")]


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    both = ["predict", "eval_maps"]
    parser.add_argument("commands", nargs="*", default=both, metavar="COMMAND")
    commands = parser.parse_args().commands
    if unknown := set(commands).difference(both):
        parser.error(f"expected {' or '.join(both)}, got {unknown.pop()}")
    for command in commands:
        with tempfile.TemporaryDirectory() as folder:
            files, climbs = walk(command, Path(folder))
        print(f"{command}: one image enters {len(files)} files, with {len(climbs)} climbs")
        print("".join(f"    {file}\n" for file in files), end="")
        print("".join(f"    climb: {caller} -> {called}\n" for caller, called in climbs), end="")


if __name__ == "__main__":
    main()
