"""One forward pass on each backend, the same weights and input, in turn in one run.

python benchmarks/backends.py [--model U2NetP] [--size 320] [--rounds 5]
"""

import argparse
import time

from paddleseg_u2net.env import load_paddle

load_paddle()

import machine
import numpy as np

from paddleseg_u2net import models
from paddleseg_u2net.architecture import TABLES, Architecture
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.predictor.load import network_of_state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(TABLES), default="U2NetP")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    model = getattr(models, arguments.model)()
    model.eval()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    kind = Architecture(arguments.model, TABLES[arguments.model], 1, 3)
    networks = {"paddle": eager(model)}
    for name in ("onnxruntime", "openvino", "ncnn"):
        try:
            networks[name] = network_of_state(state, kind, name)
        except BackendError as error:
            print(error)
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(1, 3, arguments.size, arguments.size)).astype(np.float32)
    expected = networks["paddle"](batch)
    times = {name: [] for name in networks}
    for number in range(arguments.rounds + 1):
        for name, network in networks.items():
            started = time.perf_counter()
            found = network(batch)
            if number:  # the first round allocates and plans
                times[name].append(time.perf_counter() - started)
            difference = np.abs(found - expected).max() / np.abs(expected).max()
            assert difference < 5e-4, (name, difference)
    print(f"{arguments.model}, {arguments.size}x{arguments.size}, medians of {arguments.rounds}, "
          f"{machine.arithmetic()}")  # fmt: skip
    slowest = np.median(times["paddle"])
    for name, seconds in times.items():
        median = np.median(seconds)
        print(f"{name:12} {1000 * median:7.0f} ms   ratio {slowest / median:.1f}")


if __name__ == "__main__":
    main()
