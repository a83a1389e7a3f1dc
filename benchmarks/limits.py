"""How many multiply-adds a second this machine does at best, in each precision.

    python benchmarks/limits.py [--threads 2] [--rounds 3]

In OpenVINO, a chain of 1x1 convolutions of 1024 channels, which are matrix products of 1024 x 1024
by 1024 x 4096; in float32 the better one of that and NumPy's product of two 2048 x 2048 matrices.
No convolution of this network can be faster than its multiply-adds at this rate, unless an
algorithm such as Winograd's needs fewer of them.
"""

import argparse
import time
from typing import Dict, List, Optional

import machine
import numpy as np

from paddleseg_u2net.inference.backends.open_vino import computes_in_bf16, openvino_core

_CHANNELS, _HEIGHT, _WIDTH, _LAYERS = 1024, 64, 64, 4
_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}


def precisions() -> List[str]:
    """Those that OpenVINO computes in on this processor."""
    core = openvino_core()
    able = {"fp32": True, "bf16": computes_in_bf16(core)}
    able["int8"] = "INT8" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [name for name, here in able.items() if here]


def multiply_adds_per_second(
    precision: str, threads: Optional[int] = None, rounds: int = 3
) -> float:
    """The best rate of ``rounds``."""
    rate = _chain(precision, threads, rounds)
    return max(rate, _product(rounds)) if precision == "fp32" else rate


def _best(call, rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def _product(rounds: int) -> float:
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(2048, 2048)).astype(np.float32) for _ in range(2))
    return 2048**3 / _best(lambda: one @ other, rounds)


def _chain(precision: str, threads: Optional[int], rounds: int) -> float:
    import openvino

    settings = {"INFERENCE_PRECISION_HINT": _HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    model = openvino.Core().compile_model(_model(precision == "int8"), "CPU", settings)
    request = model.create_infer_request()
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 1, (1, _CHANNELS, _HEIGHT, _WIDTH)).astype(np.float32)
    seconds = _best(lambda: request.infer([image]), rounds)
    return _LAYERS * _CHANNELS**2 * _HEIGHT * _WIDTH / seconds


def _model(quantized: bool):
    import openvino
    from openvino import opset13 as ops

    def quantize(x, low, high, levels):
        ends = [ops.constant(np.float32(value)) for value in (low, high, low, high)]
        return ops.fake_quantize(x, *ends, levels)

    rng = np.random.default_rng(0)
    x = first = ops.parameter([1, _CHANNELS, _HEIGHT, _WIDTH], np.float32)
    for _ in range(_LAYERS):
        kernel = rng.uniform(-0.05, 0.05, (_CHANNELS, _CHANNELS, 1, 1)).astype(np.float32)
        weights = ops.constant(kernel)
        if quantized:
            x, weights = quantize(x, 0, 2, 256), quantize(weights, -0.05, 0.05, 255)
        x = ops.relu(ops.convolution(x, weights, [1, 1], [0, 0], [0, 0], [1, 1]))
    return openvino.Model([x], [first], "chain")


def measured(threads: Optional[int] = None, rounds: int = 3) -> Dict[str, float]:
    """The rates of all `precisions`, printed as they come."""
    rates = {}
    for precision in precisions():
        rates[precision] = multiply_adds_per_second(precision, threads, rounds)
        print(f"matrix products in {precision}: {rates[precision] / 1e9:7.1f} G multiply-adds/s")
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine.describe())
    measured(arguments.threads, arguments.rounds)


if __name__ == "__main__":
    main()
