"""One training step of U2NetP on a CPU: this project, PaddleSeg's own model, and PyTorch.

    python benchmarks/train_step.py [--size 288] [--batch 2] [--steps 4] [--model U2NetP]

Forward, seven losses, backward, Adam. Each side runs in its own process (for its peak memory), in
turn, on the same number of threads; the fastest step of all rounds counts, in seconds and in those
of the processor, which a busy machine changes less. PyTorch's network is the authors' (see
pytorch_network.py), in its default layout and with channels last; "Paddle's operators" is this
project with U2NET_ONEDNN=0. `pip install torch==2.13.0` for PyTorch's sides.

Gradients from the same weights are compared with PyTorch's in float64, parameter by parameter,
relative to the parameter's largest gradient. In float32 rounding turns a few ReLUs the other way,
on every side, and a deep network's gradients show it; so they are compared once as they are, and
once with BatchNorms shifted by 10, where no ReLU is near its corner and only arithmetic remains.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np

from paddleseg_u2net.env import load_paddle

OURS = "this project"
SIDES = ["PyTorch", "PyTorch, NHWC", "PaddleSeg", "Paddle's operators", OURS]


def _paddle_model(side, name):
    if side == "PaddleSeg":
        from paddleseg.models import u2net

        return {"U2Net": u2net.U2Net, "U2NetP": u2net.U2Netp}[name](num_classes=1)
    from paddleseg_u2net import models

    return getattr(models, name)(num_classes=1)


def _torch_model(name):
    from pytorch_network import Network

    from paddleseg_u2net.architecture import TABLES
    from paddleseg_u2net.architecture.program import build

    return Network(build(TABLES[name]))


def _data(size, batch):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch, 3, size, size))
    masks = rng.uniform(size=(batch, size, size)) > 0.5
    return images.astype(np.float32), masks.astype(np.float32)


def _paddle_step(side, arguments):
    load_paddle()
    import paddle

    from paddleseg_u2net.losses import DeepSupervisionLoss

    paddle.seed(0)
    model = _paddle_model(side, arguments.model)
    model.train()
    optimizer = paddle.optimizer.Adam(1e-3, parameters=model.parameters())
    criterion = DeepSupervisionLoss()
    images, masks = map(paddle.to_tensor, _data(arguments.size, arguments.batch))

    def step():
        criterion(model(images), masks).backward()
        optimizer.step()
        optimizer.clear_grad()

    return step


def _torch_step(side, arguments):
    import torch
    from pytorch_network import loss

    torch.manual_seed(0)
    model = _torch_model(arguments.model)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    images, masks = map(torch.from_numpy, _data(arguments.size, arguments.batch))
    if side.endswith("NHWC"):
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)

    def step():
        loss(model(images), masks).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _run(side, arguments, result):
    """Time some steps in this process; the numbers go to a file."""
    if side == "Paddle's operators":
        os.environ["U2NET_ONEDNN"] = "0"
    step = (_torch_step if side.startswith("PyTorch") else _paddle_step)(side, arguments)
    before, times = _peak(), []
    for _ in range(arguments.steps):
        started, used = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - started, time.process_time() - used))
    seconds, processor = (min(each) for each in zip(*(times[1:] or times)))
    numbers = {"seconds": seconds, "processor": processor}
    result.write_text(json.dumps({**numbers, "peak": _peak(), "step_peak": _peak() - before}))


def _peak():
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measure(sides, arguments):
    """The best numbers of each side."""
    context = multiprocessing.get_context("spawn")
    best = {side: {} for side in sides}
    with tempfile.TemporaryDirectory() as temporary:
        result = Path(temporary) / "numbers"
        for _ in range(arguments.rounds):
            for side in sides:
                process = context.Process(target=_run, args=(side, arguments, result))
                process.start()
                process.join()
                if process.exitcode:
                    raise SystemExit(f"{side} failed")
                for key, value in json.loads(result.read_text()).items():
                    choose = max if "peak" in key else min
                    best[side][key] = choose(best[side].get(key, value), value)
    return best


def _gradients(state, name, size, side, dtype):
    """Gradients of all parameters that this project has, in float64."""
    images, masks = (values.astype(dtype) for values in _data(size, 2))
    if side == "PyTorch":
        import torch
        from pytorch_network import loss

        model = _torch_model(name).to(getattr(torch, dtype))
        model.load(state)
        loss(model(torch.from_numpy(images)), torch.from_numpy(masks)).backward()
        found = {key: one.grad.numpy() for key, one in model.by_name().items()}
    else:
        import paddle

        from paddleseg_u2net.losses import DeepSupervisionLoss

        model = _paddle_model(OURS, name)
        model.set_state_dict(state)
        model.to(dtype=dtype)
        model.train()
        DeepSupervisionLoss()(model(paddle.to_tensor(images)), paddle.to_tensor(masks)).backward()
        found = {key: p.grad.numpy() for key, p in model.named_parameters() if not p.stop_gradient}
    return {key: found[key].astype(np.float64) for key in state if key in found}


def _compare_gradients(name, size):
    import paddle

    paddle.seed(0)
    state = {key: value.numpy() for key, value in _paddle_model(OURS, name).state_dict().items()}
    for shift in (0, 10):
        for key in state:
            if key.endswith("bn_s1.bias"):
                state[key] = np.full_like(state[key], shift)
        exact = _gradients(state, name, size, "PyTorch", "float64")
        largest = {key: np.abs(values).max() for key, values in exact.items()}
        # Without a ReLU at its corner, the next BatchNorm cancels some parameters altogether.
        moved = [key for key in exact if largest[key] > 1e-6 * max(largest.values())]
        print(f"gradients at {size}x{size}, BatchNorms shifted by {shift}: difference from "
              "PyTorch's in float64, median of the parameters and largest")  # fmt: skip
        for side, dtype in ((OURS, "float32"), ("PyTorch", "float32"), (OURS, "float64")):
            found = _gradients(state, name, size, side, dtype)
            differences = [
                np.abs(found[key] - exact[key]).max() / np.abs(exact[key]).max() for key in moved
            ]
            print(f"  {side:13} {dtype}  {np.median(differences):.1e}  {max(differences):.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("U2Net", "U2NetP"), default="U2NetP")
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--gradients", type=int, default=128, help="their image size; 0: none")
    arguments = parser.parse_args()
    load_paddle()  # sets the environment, which all sides inherit
    has_torch = importlib.util.find_spec("torch") is not None
    sides = [side for side in SIDES if has_torch or not side.startswith("PyTorch")]
    best = _measure(sides, arguments)
    print(f"{arguments.model} {arguments.size}x{arguments.size}, batch {arguments.batch}, "
          f"{machine.arithmetic()}")  # fmt: skip
    print(machine.describe())
    print(f"{'':20}seconds  of processor  peak MiB  of the steps   {OURS} takes of it")
    for side, numbers in best.items():
        ratios = {key: best[OURS][key] / value for key, value in numbers.items()}
        print(
            f"{side:20}{numbers['seconds']:7.2f}{numbers['processor']:14.2f}"
            f"{numbers['peak']:10.0f}{numbers['step_peak']:14.0f}   time {ratios['seconds']:.2f} "
            f"(of processor {ratios['processor']:.2f}), memory {ratios['peak']:.2f}"
        )
    sys.stdout.flush()
    if has_torch and arguments.gradients:
        _compare_gradients(arguments.model, arguments.gradients)


if __name__ == "__main__":
    main()
