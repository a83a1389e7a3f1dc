"""A folder without backgrounds: ``remove`` beside ``predict --pictures cutout``, and ``rembg p``.

    python benchmarks/remove_folder.py --images photos [--model u2netp] [--rembg REMBG_COMMAND]

Whole processes in turn, of which the seconds on processors are counted, of one thread for the
network: threads that wait for one another on a machine that does other things would be counted,
too. The pictures of the first two have to be the same, pixel by pixel. rembg gets the model by its
name, so --model has to be one for it.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

from paddleseg_u2net.io.images import read_image

ROOT = Path(__file__).resolve().parents[1]


def seconds(command: List[str], env: Dict[str, str]) -> float:
    """Seconds on processors of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rembg", help="its command")
    arguments = parser.parse_args()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as work:
        out = {name: Path(work, name) for name in ("predict", "remove", "rembg")}
        ours, one = [sys.executable, "-m", "paddleseg_u2net"], ["--threads", "1"]
        predict = ["--image_path", arguments.images, "--save_dir", str(out["predict"])]
        sides = {
            "predict": [*ours, "predict", *predict, "--model_path", arguments.model,
                        "--pictures", "cutout", *one],
            "remove": [*ours, "remove", arguments.images, str(out["remove"]),
                       "--model", arguments.model, *one],
        }  # fmt: skip
        if arguments.rembg:
            words = [arguments.rembg, "p", "-m", arguments.model, arguments.images]
            sides["rembg"] = [*words, str(out["rembg"])]
        taken: Dict[str, List[float]] = {name: [] for name in sides}
        for _ in range(arguments.rounds):
            for name, command in sides.items():
                shutil.rmtree(out[name], ignore_errors=True)
                out["rembg"].mkdir(exist_ok=True)
                taken[name].append(seconds(command, env))
        for path in (out["predict"] / "cutout").rglob("*.png"):
            other = out["remove"] / path.relative_to(out["predict"] / "cutout")
            assert (read_image(path, 4) == read_image(other, 4)).all(), other
    reference = statistics.median(taken["remove"])
    for name, values in taken.items():
        middle = statistics.median(values)
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name:<8}{middle:7.2f} s ({spread}), {middle / reference:.2f} of remove's")


if __name__ == "__main__":
    main()
