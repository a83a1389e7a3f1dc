"""8 bits beside float32: the time of both engines and the maps, all in turn in one run.

python benchmarks/quantization.py [--weights ../shared/weights/u2netp.pth]
    [--images ../shared/data/ecssd_300/images] [--masks .../ground_truth_mask]
    [--calibration ../shared/data/person_290/images] [--calibration_masks .../masks]
    [--count 300] [--rounds 10] [--threads 2] [--tolerance 0.001] [--u2net]

``naive`` is quantization without a search: every convolution in 8 bits by ONNX Runtime's own tool,
as its documentation begins. With --u2net times of the large network with random weights follow.
"""

import argparse
import importlib
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from paddleseg_u2net.architecture import TABLES, build
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.graph import Network
from paddleseg_u2net.export.quantization.int8 import in_int8
from paddleseg_u2net.export.quantization.observe import observe
from paddleseg_u2net.export.quantization.search import search
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.images import find_images, read_image, read_mask
from paddleseg_u2net.log import start_logging
from paddleseg_u2net.metrics import MAE, SMeasure
from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.weights import read_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes

SHARED = Path(__file__).resolve().parents[2] / "shared"
SIZE = 320


def main() -> None:
    arguments = parsed()
    start_logging()
    preprocess = Preprocess(size=(SIZE, SIZE), type="official")
    masks = arguments.calibration_masks
    calibration = Calibration.read(
        arguments.calibration, masks if masks.is_dir() else None, preprocess
    )
    table = TABLES["U2NetP"]
    fp32 = onnx_bytes(read_weights(arguments.weights), table, sides=False)
    started = time.perf_counter()
    found = search(fp32, calibration, arguments.tolerance)
    print(f"search: {time.perf_counter() - started:.0f} s")
    files = {"fp32": fp32, "int8": found.content, "naive": naive(fp32, calibration.fitting)}
    print(f"U2NetP, one image {SIZE}x{SIZE}, {arguments.threads} threads, load {os.getloadavg()}")
    show_times(files, arguments, calibration.fitting[0])
    show_maps(files, arguments, preprocess)
    if arguments.u2net:
        print("U2Net with random weights")
        show_times(u2net(), arguments, calibration.fitting[0])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ecssd, people = SHARED / "data/ecssd_300", SHARED / "data/person_290"
    parser.add_argument("--weights", type=Path, default=SHARED / "weights/u2netp.pth")
    parser.add_argument("--images", type=Path, default=ecssd / "images")
    parser.add_argument("--masks", type=Path, default=ecssd / "ground_truth_mask")
    parser.add_argument("--calibration", type=Path, default=people / "images")
    parser.add_argument("--calibration_masks", type=Path, default=people / "masks")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=0.001)
    parser.add_argument("--u2net", action="store_true")
    return parser.parse_args()


def naive(fp32, inputs) -> bytes:
    """ONNX Runtime's static quantization of everything, minima and maxima as ranges."""
    tool = importlib.import_module("onnxruntime.quantization")

    class Reader(tool.CalibrationDataReader):
        def __init__(self):
            self.left = iter(inputs)

        def get_next(self):
            batch = next(self.left, None)
            return None if batch is None else {"input": batch}

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        before.write_bytes(fp32)
        tool.quantize_static(before, after, Reader(), per_channel=True)
        return after.read_bytes()


def u2net():
    """The large network before and after; which numbers it holds does not matter for time."""
    rng = np.random.default_rng(0)
    table = TABLES["U2Net"]
    state = {
        name: rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        if len(shape) == 4
        else np.full(shape, name.endswith(("_variance", "bn_s1.weight")), np.float32)
        for name, shape in build(table).shapes().items()
    }
    fp32 = onnx_bytes(state, table, sides=False)
    network = Network(fp32)
    observed = observe(network, [rng.normal(size=(1, 3, SIZE, SIZE)).astype(np.float32)])
    low = [layer.name for layer in network.layers.values()][1:-1]
    return {"fp32": fp32, "int8": in_int8(network, low, observed)}


def onnxruntime(content, threads):
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, threads
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"input": batch})[0]


def openvino(content, threads):
    core = importlib.import_module("openvino").Core()
    model = core.read_model(content)
    model.reshape([1, 3, SIZE, SIZE])
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda batch: np.array(request.infer([batch])[0])


def show_times(files, arguments, batch) -> None:
    runs = {}
    for name, content in files.items():
        for engine in (onnxruntime, openvino):
            try:
                runs[name, engine.__name__] = engine(content, arguments.threads)
            except ImportError as error:
                print(error)
    times = {key: [] for key in runs}
    for number in range(arguments.rounds + 1):
        for key, run in runs.items():
            started = time.perf_counter()
            run(batch)
            if number:  # the first round allocates and plans
                times[key].append(1000 * (time.perf_counter() - started))
    rival = np.median(times["fp32", "onnxruntime"])
    for (name, engine), found in times.items():
        median = np.median(found)
        print(
            f"{name:6} {engine:12} median {median:5.0f} ms, shortest {min(found):5.0f} ms, "
            f"{rival / median:.2f} times fp32 onnxruntime"
        )


def show_maps(files, arguments, preprocess) -> None:
    runs = {"fp32 onnxruntime": onnxruntime(files["fp32"], arguments.threads)}
    runs["int8 onnxruntime"] = onnxruntime(files["int8"], arguments.threads)
    try:
        runs["int8 openvino"] = openvino(files["int8"], arguments.threads)
    except ImportError as error:
        print(error)
    runs["naive onnxruntime"] = onnxruntime(files["naive"], arguments.threads)
    scores = {name: (MAE(), SMeasure()) for name in runs}
    names = find_images(arguments.images)
    names = names[:: max(1, len(names) // arguments.count)][: arguments.count]
    for name in names:
        image = read_image(name)
        mask = read_mask(arguments.masks / f"{name.stem}.png") > 127
        batch = preprocess(image)[None]
        for key, run in runs.items():
            restored = preprocess.preset.restore(run(batch)[0], image.shape[:2])[0]
            picture = MapMaskPair(restored, mask)
            for score in scores[key]:
                score.update_pair(picture)
    print(f"{len(names)} images of {arguments.images}")
    before = [score.compute() for score in scores["fp32 onnxruntime"]]
    for key, pair in scores.items():
        mae, s = (score.compute() for score in pair)
        print(f"{key:18} MAE {mae:.5f} ({mae - before[0]:+.5f})  S {s:.5f} ({s - before[1]:+.5f})")


if __name__ == "__main__":
    main()
