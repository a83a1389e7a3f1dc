"""The engine alone: exported models against ONNX Runtime in float32, one image, in turn.

    python benchmarks/engines.py [--model U2NetP] [--size 320] [--rounds 7] [--accuracy 300]
    python benchmarks/engines.py --model U2Net
    python benchmarks/engines.py --exported FOLDER [FOLDER ...]

Without ``--exported`` it first exports to every format and precision, by ``tools/export.py``, into
``--work``, where later runs find them. U2NetP has the weights of ../shared where these are, U2Net
random ones, which serve for time: what its int8 gives is not looked at.

The rival gets the float32 ONNX file with a fixed size. Ratios are of medians. Beside them stands
how near each engine's best round comes to the limit: the network's multiply-adds at the measured
rate of matrix products in its precision. Winograd's algorithm multiplies less and may pass it.
Where the processor has more than AVX2, all is timed again with that switched off.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import exports
import limits
import machine
import numpy as np

from paddleseg_u2net.architecture import TABLES, build
from paddleseg_u2net.architecture.counts import count
from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.inference.description import load_exported
from paddleseg_u2net.io.images import read_image, read_mask
from paddleseg_u2net.metrics import MAE, SMeasure
from paddleseg_u2net.predictor.load import load_model

RIVAL = "onnxruntime fp32"
SHARED = Path(__file__).resolve().parents[2] / "shared"


class Engine(NamedTuple):
    """A network that is timed."""

    network: Callable[[np.ndarray], np.ndarray]
    precision: str


def _rival(content: bytes, size: int, threads: Optional[int]) -> Engine:
    """ONNX Runtime, told that the size is fixed, as far as it gains from that."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    for name, value in (("batch", 1), ("height", size), ("width", size)):
        options.add_free_dimension_override_by_name(name, value)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return Engine(lambda batch: session.run(["d0"], {name: batch})[0], "fp32")


def _engines(folders: List[Path], threads: Optional[int]) -> Dict[str, Engine]:
    """Each folder on each backend that takes it."""
    found = {}
    for folder in folders:
        for backend in exports.backends_of(folder):
            try:
                exported = load_exported(folder, backend, threads)
            except ValueError as error:
                print(f"left out: {folder.name} on {backend}: {error}")
                continue
            if exported.network.note:  # its times would stand under a precision that is not its own
                print(f"left out: {folder.name} on {backend}: {exported.network.note}")
                continue
            precision = exported.description.precision
            found[f"{folder.name} on {backend}"] = Engine(exported.network, precision)
    return found


def _print_times(
    engines: Dict[str, Engine], times: Dict[str, List[float]], multiply_adds: int, rates: Dict
) -> None:
    rival = machine.median(times[RIVAL])
    print(f"{'':36} median    best   ratio   limit / best")
    for name, seconds in times.items():
        middle = machine.median(seconds)
        # float16 is how weights are stored; it computes in float32.
        precision = "fp32" if engines[name].precision == "fp16" else engines[name].precision
        limit = multiply_adds / rates[precision] if precision in rates else float("nan")
        print(
            f"{name:34} {1000 * middle:6.1f} ms {1000 * min(seconds):6.1f}  {rival / middle:6.2f}"
            f"   {limit / min(seconds):6.1%} of {1000 * limit:.1f} ms"
        )


def _time(arguments: argparse.Namespace, folders: List[Path], weights: Path) -> None:
    size, threads = arguments.size, arguments.threads
    content = exports.onnx_of(weights, arguments.model)
    rates = limits.measured(threads, rounds=arguments.rounds)
    engines = {RIVAL: _rival(content, size, threads), **_engines(folders, threads)}
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(1, 3, size, size)).astype(np.float32)
    times = machine.in_turn(
        {name: lambda engine=engine: engine.network(batch) for name, engine in engines.items()},
        arguments.rounds,
    )
    multiply_adds = count(build(TABLES[arguments.model]), size, size).multiply_adds
    print(
        f"{arguments.model}, {size}x{size}, {multiply_adds / 1e9:.2f} G multiply-adds, "
        f"{arguments.rounds} rounds, threads: {threads or 'all cores'}"
    )
    _print_times(engines, times, multiply_adds, rates)


def _scores(pipeline: Pipeline, images: List[Path], masks: Path) -> Dict[str, float]:
    mae, structure = MAE(), SMeasure()
    for path in images:
        image, mask = read_image(path), read_mask(masks / f"{path.stem}.png") > 128
        probability = pipeline(image)[0]
        for metric in (mae, structure):
            metric.update(np.clip(probability, 0, 1), mask)
    return {"MAE": float(mae.compute()), "S": float(structure.compute())}


def _accuracy(folders: List[Path], data: Path, number: int, threads: Optional[int]) -> None:
    """MAE and S of each folder on the backend that ``auto`` takes, beside those of the first, in
    float32.
    """
    images = sorted((data / "images").glob("*.jpg"))[:number]
    first: Dict[str, float] = {}
    print(f"\n{len(images)} images of {data.name}")
    for path in folders:
        opened = load_model(path, threads=threads)
        found = _scores(opened.pipeline, images, data / "ground_truth_mask")
        first = first or found
        shown = "   ".join(
            f"{name} {value:.5f} ({value - first[name]:+.5f})" for name, value in found.items()
        )
        print(f"{path.name + ' on ' + opened.choice.backend:34} {shown}", flush=True)


def _again_without(arguments: List[str], folders: List[Path]) -> None:
    """The times once more, with the instructions of older processors only."""
    if not machine.has_newer_than_avx2():
        print("\nthis processor has neither AVX-512 nor AMX: nothing can be switched off")
        return
    print("\nONEDNN_MAX_CPU_ISA=AVX2: OpenVINO and Paddle obey it, ONNX Runtime and ncnn have")
    print("no such switch: their times are those of the whole processor", flush=True)
    command = [
        sys.executable,
        __file__,
        *arguments,
        "--only_times",
        "--exported",
        *map(str, folders),
    ]
    subprocess.run(command, check=True, env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"})


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", choices=("U2Net", "U2NetP"), default="U2NetP")
    add("--size", type=int, default=320)
    add("--rounds", type=int, default=7)
    add("--threads", type=int, help="for all engines; else each takes all cores")
    add("--accuracy", type=int, default=0, metavar="N", help="MAE and S on N images of --data")
    add("--data", type=Path, default=SHARED / "data" / "ecssd_300")
    add("--exported", type=Path, nargs="+", help="folders to time, the float32 one first")
    exports.add_arguments(parser)
    add("--only_times", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    print(machine.describe(), flush=True)
    weights = exports.weights_of(arguments.model, arguments.weights, arguments.work)
    folders = arguments.exported or exports.export_all(arguments, weights)
    _time(arguments, folders, weights)
    if arguments.only_times:
        return
    if arguments.accuracy:
        _accuracy(folders, arguments.data, arguments.accuracy, arguments.threads)
    _again_without(sys.argv[1:], folders)  # of two --exported the last one counts


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"Error: {error}")
