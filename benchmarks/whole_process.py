"""Pictures to mask files, whole processes, against ``rembg``, in turn.

    python3.11 -m venv /tmp/rembg && /tmp/rembg/bin/pip install "rembg[cpu,cli]"
    python benchmarks/whole_process.py --rembg /tmp/rembg/bin/rembg [--model_path MODEL]

Both sides have the same weights: rembg's model file is made of them by
``tools/convert_weights.py``, it fetches nothing. Compared are one picture (``rembg i -om``) and a
folder of --images pictures (``rembg p -om``), each a process from its start to its end, with its
peak memory (the sum over its processes, where it has several); and the masks, with each other and
with the true ones. Then what share of a picture's time goes into all but the network.

--model_path is what this project gets: an exported folder or weights. By default it is
what docs/deployment.md advises: where the processor multiplies 8-bit numbers an int8 folder for
OpenVINO, made in --work as `engines.py` does, else the weights, which ``auto`` runs on the fastest
engine. Without --rembg only this project's side is measured. With --cutouts both write cut-outs, by
``tools/remove.py`` and rembg's own way, which leaves the background's colours in the edges; masks
are not compared then.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import exports
import machine
import numpy as np

from paddleseg_u2net.io.images import read_image, read_mask, write_png
from paddleseg_u2net.metrics import MAE, SMeasure
from paddleseg_u2net.prediction.jobs import CUTOUT, SALIENCY
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.render import saliency

_MIB = 2**20
OURS, THEIRS = "this project", "rembg"


class Side(NamedTuple):
    """How one side turns pictures into masks: its commands for an input and an output folder."""

    folder: List[object]
    single: List[object]
    env: Dict[str, str]
    masks: Path  # of the folder's pictures, below its output


def _environment(threads: Optional[int]) -> Dict[str, str]:
    """All cores for both, unless ``threads`` says otherwise."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    env["PYTHONPATH"] = str(exports.ROOT)
    if threads:
        env["OMP_NUM_THREADS"] = str(threads)
    return env


def _ours(
    model_path: Path, pictures: Path, scratch: Path, threads: Optional[int], kind: str
) -> Side:
    out = scratch / "ours"
    if kind == CUTOUT:
        tool, masks = "remove.py", out
        words = ["--model", model_path, "--output", out]
    else:
        tool, masks = "predict.py", out / kind
        words = ["--model_path", model_path, "--pictures", kind, "--save_dir", out, "--image_path"]
    program = [sys.executable, exports.ROOT / "tools" / tool]
    program += [*(["--threads", threads] if threads else []), *words]
    first = sorted(pictures.iterdir())[0]
    return Side([*program, pictures], [*program, first], _environment(threads), masks)


def _theirs(
    rembg: Path, weights: Path, pictures: Path, scratch: Path, threads: Optional[int], kind: str
) -> Side:
    home = scratch / "home"
    home.mkdir()
    command = [sys.executable, exports.ROOT / "tools" / "convert_weights.py"]
    command += ["--input", weights, "--output", home / "u2netp.onnx"]
    env = _environment(threads)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=env)
    if done.returncode:
        sys.exit(f"rembg's model file could not be made: {done.stderr or done.stdout}")
    env = {**env, "U2NET_HOME": str(home), "MODEL_CHECKSUM_DISABLED": "1"}
    masks = scratch / "theirs"
    first = sorted(pictures.iterdir())[0]
    words = ["-m", "u2netp", *(["-om"] if kind == SALIENCY else [])]
    return Side(
        [rembg, "p", *words, pictures, masks],
        [rembg, "i", *words, first, scratch / "theirs.png"],
        env,
        masks,
    )


def _compare(title: str, sides: Dict[str, Side], kind: str, rounds: int) -> None:
    """Run the sides in turn; medians of wall time, largest peaks."""
    runs: Dict[str, List[machine.Run]] = {name: [] for name in sides}
    for number in range(rounds + 1):  # the first round brings files and programs into memory
        for name, side in sides.items():
            if kind == "folder":
                if number == 0:
                    continue  # the single pictures have done so
                shutil.rmtree(side.masks, ignore_errors=True)  # rembg keeps masks that are there
            run = machine.run(getattr(side, kind), side.env)
            if number:
                runs[name].append(run)
    print(f"\n{title}, medians of {rounds}")
    seconds = {name: machine.median([run.seconds for run in of]) for name, of in runs.items()}
    peaks = {name: max(run.peak_of_all for run in of) for name, of in runs.items()}
    for name in sides:
        largest = max(run.peak for run in runs[name])
        several = "" if peaks[name] == largest else f" in all, {largest / _MIB:.0f} in the largest"
        print(f"{name:14} {seconds[name]:7.2f} s   peak {peaks[name] / _MIB:6.0f} MiB{several}")
    if THEIRS in sides:
        print(
            f"ratio: time {seconds[THEIRS] / seconds[OURS]:.2f}, "
            f"peak memory {peaks[OURS] / peaks[THEIRS]:.2f}"
        )


def _compare_masks(sides: Dict[str, Side], pictures: Path, true_masks: Path) -> None:
    """What the masks are worth, and how far the two sides' are from each other."""
    names = [path.stem for path in sorted(pictures.iterdir())]
    found = {
        name: [read_mask(side.masks / f"{stem}.png") for stem in names]
        for name, side in sides.items()
    }
    print(f"\nmasks of {len(names)} pictures")
    for name, masks in found.items():
        if not true_masks.is_dir():
            break
        mae, structure = MAE(), SMeasure()
        for stem, mask in zip(names, masks):
            for metric in (mae, structure):
                metric.update(mask, read_mask(true_masks / f"{stem}.png") > 128)
        print(f"{name:14} MAE {mae.compute():.5f}   S {structure.compute():.5f}")
    if THEIRS in found:
        apart = [
            np.abs(one.astype(float) - other).mean()
            for one, other in zip(found[OURS], found[THEIRS])
        ]
        print(f"they differ by {np.mean(apart) / 255:.5f} in the mean, {np.mean(apart):.2f} of 255")


def _shares(model_path: Path, pictures: Path, scratch: Path, threads: Optional[int]) -> None:
    """Each step of a picture by itself, one after the other, in one thread but for the network."""
    opened = load_model(model_path, threads=threads)
    pipeline = opened.pipeline
    steps: Dict[str, List[float]] = {
        step: [] for step in ("decode", "prepare", "network", "restore", "write")
    }

    def timed(step: str, call):
        started = time.perf_counter()
        result = call()
        steps[step].append(time.perf_counter() - started)
        return result

    paths = sorted(pictures.iterdir())
    pipeline(read_image(paths[0]))  # the first one plans and allocates
    for path in paths:
        image = timed("decode", lambda path=path: read_image(path))
        batch = timed("prepare", lambda image=image: pipeline.prepare(image)[None])
        maps = timed("network", lambda batch=batch: pipeline.probabilities(batch)[0])
        mask = timed("restore", lambda maps=maps, image=image: pipeline.restore(maps, image)[0])
        timed("write", lambda mask=mask: write_png(scratch / "share.png", saliency(mask)))
    _print_shares(
        opened.choice.backend, {step: machine.median(times) for step, times in steps.items()}
    )


def _print_shares(backend: str, medians: Dict[str, float]) -> None:
    print(f"\nsteps of one picture one after the other, on {backend}, medians")
    for step, value in medians.items():
        print(f"{step:14} {1000 * value:7.2f} ms")
    around = medians["prepare"] + medians["restore"]
    total = around + medians["network"]
    print(f"before and after the network: {around / total:.1%} of the three")
    print(f"with decoding and writing: {1 - medians['network'] / sum(medians.values()):.1%} of all")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rembg", type=Path, help="the program; else only this project is measured")
    add("--model_path", type=Path, help="of --weights; see above")
    add("--data", type=Path, default=exports.SHARED / "data" / "ecssd_300")
    add("--images", type=int, default=100)
    add("--rounds", type=int, default=3, help="of the folder")
    add("--single_rounds", type=int, default=5, help="of the single picture")
    add("--cutouts", action="store_true", help="cut-outs instead of masks")
    add("--threads", type=int, help="for both sides; else each takes all cores")
    exports.add_arguments(parser)
    parser.set_defaults(size=320)
    return parser.parse_args()


def _advised(arguments: argparse.Namespace, weights: Path) -> Path:
    if not machine.has_newer_than_avx2():
        return weights
    return exports.export(arguments, weights, "openvino", "int8") or weights


def main() -> None:
    arguments = _arguments()
    print(machine.describe(), flush=True)
    weights = exports.weights_of("U2NetP", arguments.weights, arguments.work)
    model_path = arguments.model_path or _advised(arguments, weights)
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        pictures = scratch / "pictures"
        pictures.mkdir()
        for path in sorted((arguments.data / "images").iterdir())[: arguments.images]:
            shutil.copy(path, pictures)
        kind = CUTOUT if arguments.cutouts else SALIENCY
        sides = {}
        if arguments.rembg:
            rembg = arguments.rembg.absolute()
            sides[THEIRS] = _theirs(rembg, weights, pictures, scratch, arguments.threads, kind)
        sides[OURS] = _ours(model_path, pictures, scratch, arguments.threads, kind)
        print(f"{model_path}, threads: {arguments.threads or 'all cores'}")
        _compare(f"one picture to one file ({kind})", sides, "single", arguments.single_rounds)
        _compare(
            f"{arguments.images} pictures to files ({kind})", sides, "folder", arguments.rounds
        )
        if kind == SALIENCY:
            _compare_masks(sides, pictures, arguments.data / "ground_truth_mask")
        _shares(model_path, pictures, scratch, arguments.threads)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"Error: {error}")
