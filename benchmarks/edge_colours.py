"""The foreground's colours at edges: time and error, against pymatting's, in turn.

    python benchmarks/edge_colours.py [--sizes 400x300 2000x1500] [--before ../other/checkout]

Scenes of `scenes.py` at several sizes, with the opacity that U²-NetP gives them. Times are the
processor's, of one thread each, and the least of several: of `render.cutout`, which makes the whole
picture, and of pymatting's `estimate_foreground_ml`, which rembg takes, from bytes to bytes. The
error is the mean difference from the true colours where the true opacity is between 0.1 and 1,
weighted by it, in grey levels, with the map's opacity and with the true one. --before adds the
`cutout` of another checkout of this project.
"""

import argparse
import importlib.util
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, List

os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")  # before they are imported

import cv2
import exports
import machine
import numpy as np
from scenes import PARTS, scenes

from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Remover
from paddleseg_u2net.render import cutout, foreground

Call = Callable[[np.ndarray, np.ndarray], np.ndarray]
_SHOWN = 0.1  # least true opacity where colours count


def _pymatting(image: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    from pymatting import estimate_foreground_ml  # numba compiles for some seconds

    found = estimate_foreground_ml(image / 255.0, opacity / 255.0)
    colours = np.rint(np.clip(found, 0, 1) * 255).astype(np.uint8)
    return np.dstack([colours, opacity])


def _before(checkout: Path) -> Call:
    """The `cutout` of another checkout; what it imports is this one's."""
    path = checkout / "paddleseg_u2net" / "render" / "cutout.py"
    spec = importlib.util.spec_from_file_location("cutout_before", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.cutout


def _seconds(call: Call, image: np.ndarray, opacity: np.ndarray, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.process_time()
        call(image, opacity)
        times.append(time.process_time() - started)
    return min(times)


def _error(picture: np.ndarray, alpha: np.ndarray, colours: np.ndarray) -> float:
    edge = (alpha >= _SHOWN) & (alpha < 1) & (picture[..., 3] > 0)
    apart = np.abs(picture[..., :3][edge].astype(float) - colours[edge]).mean(1)
    return float(np.average(apart, weights=alpha[edge])) if edge.any() else np.nan


def main() -> None:
    arguments = _arguments()
    cv2.setNumThreads(1)
    print(machine.describe())
    model = load_model(arguments.model_path, threads=1)
    remover = Remover(model.pipeline, model.in_channels)
    calls: Dict[str, Call] = {"cutout": cutout, "pymatting": _pymatting}
    if arguments.before:
        calls["before"] = _before(arguments.before)
    rows: Dict[Any, List[Any]] = defaultdict(list)
    for scene in scenes(arguments.data, arguments.part, arguments.count):
        batch = remover.prepare(scene.image)[None]
        probability = model.pipeline.probabilities(batch)[0]
        for size in arguments.sizes:
            width, height = map(int, size.split("x"))
            scaled = [cv2.resize(part, (width, height)) for part in scene[1:]]
            image, alpha, colours = scaled
            opacity = foreground(model.pipeline.restore(probability, image))
            true = np.rint(alpha * 255).astype(np.uint8)
            for name, call in calls.items():
                errors = [_error(call(image, each), alpha, colours) for each in (opacity, true)]
                rows[size, name].append((_seconds(call, image, opacity, arguments.rounds), *errors))
    print("\n| size | side | milliseconds | error, map | error, true opacity |")
    print("| --- | --- | --- | --- | --- |")
    for (size, name), found in rows.items():
        seconds, of_map, of_true = np.nanmean(found, axis=0)
        print(f"| {size} | {name} | {1e3 * seconds:.1f} | {of_map:.2f} | {of_true:.2f} |")
    for (size, name), found in rows.items():
        if name != "cutout":
            ratio = np.mean(found, 0)[0] / np.mean(rows[size, "cutout"], 0)[0]
            print(f"{size}: {ratio:.1f} times as fast as {name}")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", nargs="+", default=["400x300", "2000x1500"], metavar="WxH")
    add("--before", type=Path, help="another checkout of this project")
    add("--model_path", type=Path, default=exports.SHARED / "weights" / "u2netp_rembg.onnx")
    add("--data", type=Path, default=exports.SHARED / "data")
    add("--part", choices=PARTS, default="tune")
    add("--count", type=int, default=4, help="of each kind of scene")
    add("--rounds", type=int, default=7, help="of which the least time counts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
