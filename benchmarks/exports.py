"""Exported folders for the benchmarks: made once by ``tools/export.py``, found by later runs."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import List, Optional, Tuple

import limits
import numpy as np

from paddleseg_u2net.architecture import TABLES, build
from paddleseg_u2net.inference.description import exported_folder, read_description
from paddleseg_u2net.weights import read_weights, write_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

# What is exported, the reference first. bf16 only where the processor has it.
_KINDS = (
    ("onnx", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("onnx", "int8"),
    ("openvino", "int8"),
    ("ncnn", "fp32"),
    ("paddle", "fp32"),
)
_BACKENDS = {
    "onnx": ("onnxruntime", "openvino"),
    "openvino": ("openvino",),
    "ncnn": ("ncnn",),
    "paddle": ("paddle-inference",),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--weights", type=Path, help="else those of ../shared for U2NetP, random ones for U2Net")
    add("--work", type=Path, default=ROOT / "output" / "benchmark", help="where exports are kept")
    add(
        "--calibration",
        type=Path,
        default=SHARED / "data" / "person_290" / "images",
        help="images for int8 and bf16; not those that scores are reported of",
    )


def weights_of(model: str, given: Optional[Path], work: Path) -> Path:
    """The file of weights that is benchmarked."""
    published = SHARED / "weights" / "u2netp.pth"
    if given or (model == "U2NetP" and published.is_file()):
        return given or published
    path = work / f"{model.lower()}_random.pdparams"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        write_weights(path, _random_state(model))
    return path


def _random_state(model: str):
    rng = np.random.default_rng(0)
    state = {}
    for name, shape in build(TABLES[model]).shapes().items():
        if len(shape) == 4:
            value = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        else:  # BatchNorm that changes nothing much, so that activations stay in bounds
            value = np.full(shape, name.endswith(("weight", "_variance")), np.float32)
        state[name] = value.astype(np.float32)
    return state


def onnx_of(weights: Path, model: str) -> bytes:
    """The float32 ONNX file that the rival runs: one output, any size."""
    return onnx_bytes(read_weights(weights), TABLES[model], sides=False)


def export_all(arguments: argparse.Namespace, weights: Path) -> List[Path]:
    """Folders of every format and precision that this machine runs; what fails is printed."""
    able = limits.precisions()
    kinds = [kind for kind in _KINDS if kind[1] in able]
    folders = [export(arguments, weights, *kind) for kind in kinds]
    return [folder for folder in folders if folder is not None]


def export(
    arguments: argparse.Namespace, weights: Path, format: str, precision: str
) -> Optional[Path]:
    """The folder of one export, made if it is not there; None if that failed."""
    folder = arguments.work / f"{weights.stem}-{format}-{precision}"
    if exported_folder(folder) is not None:
        return folder
    command = [sys.executable, ROOT / "tools" / "export.py", "--model_path", weights]
    command += ["--save_dir", folder, "--format", format, "--precision", precision]
    command += ["--input_shape", 1, 3, arguments.size, arguments.size]
    if precision in ("bf16", "int8"):
        command += ["--calibration", arguments.calibration]
        if "random" in weights.stem:  # maps of random weights say nothing about accuracy
            command += ["--max_mae_increase", 1]
    print(f"exporting {folder.name} ...", flush=True)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        print(f"left out: {folder.name}: {(done.stderr or done.stdout).strip()[-600:]}")
        return None
    return folder


def backends_of(folder: Path) -> Tuple[str, ...]:
    """What runs an exported folder, each of which is timed."""
    return _BACKENDS[read_description(folder).format]
