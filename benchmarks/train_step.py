"""One training step of U2NetP: this project's model against PaddleSeg's own, the same loss.

    python benchmarks/train_step.py [--size 288] [--batch 2] [--steps 4] [--model U2NetP]

Forward, seven losses, backward, Adam. Each side runs in its own process (for its peak memory), in
turn, on the same number of threads; the fastest step of all rounds counts. The gradients of both
from the same weights are compared in float64: in float32 the two orders of summation turn a few
ReLUs the other way, which a deep network's gradients show.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import machine
import numpy as np

from paddleseg_u2net.env import load_paddle

SIDES = ("PaddleSeg", "this project")


def _model(side: str, name: str):
    if side == "PaddleSeg":
        from paddleseg.models import u2net

        return {"U2Net": u2net.U2Net, "U2NetP": u2net.U2Netp}[name](num_classes=1)
    from paddleseg_u2net import models

    return getattr(models, name)(num_classes=1)


def _run(side: str, arguments, result: Path) -> None:
    """Time some steps in this process; the numbers go to a file."""
    load_paddle()
    import paddle

    from paddleseg_u2net.losses import DeepSupervisionLoss

    paddle.seed(0)
    model = _model(side, arguments.model)
    model.train()
    optimizer = paddle.optimizer.Adam(1e-3, parameters=model.parameters())
    criterion = DeepSupervisionLoss()
    images = paddle.randn([arguments.batch, 3, arguments.size, arguments.size])
    masks = (paddle.rand([arguments.batch, arguments.size, arguments.size]) > 0.5).astype("float32")
    before = _peak()
    times = []
    for _ in range(arguments.steps):
        started = time.perf_counter()
        criterion(model(images), masks).backward()
        optimizer.step()
        optimizer.clear_grad()
        times.append(time.perf_counter() - started)
    numbers = {"time": min(times[1:] or times), "peak": _peak(), "step_peak": _peak() - before}
    result.write_text(json.dumps(numbers))


def _peak() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _gradient_difference(name: str, size: int = 96, batch: int = 2) -> float:
    """Largest difference of a shared parameter's gradients, relative to its largest gradient."""
    load_paddle()
    import paddle
    import paddle.nn.functional as F

    from paddleseg_u2net.weights import fit_state

    paddle.seed(0)
    theirs, ours = (_model(side, name) for side in SIDES)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    ours.set_state_dict(fit_state(state, shapes, SIDES[0]))
    images = paddle.randn([batch, 3, size, size]).astype("float64")
    masks = (paddle.rand([batch, 1, size, size]) > 0.5).astype("float64")
    gradients = []
    for model in (theirs, ours):
        model.to(dtype="float64")
        model.train()
        sum(F.binary_cross_entropy_with_logits(head, masks) for head in model(images)).backward()
        gradients.append(
            {key: p.grad.numpy() for key, p in model.named_parameters() if p.grad is not None}
        )
    return max(
        float(np.abs(value - gradients[0][key]).max() / np.abs(gradients[0][key]).max())
        for key, value in gradients[1].items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=("U2Net", "U2NetP"), default="U2NetP")
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    load_paddle()  # sets the environment, which both sides inherit
    context = multiprocessing.get_context("spawn")
    best = {side: {"time": np.inf, "peak": 0.0, "step_peak": 0.0} for side in SIDES}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for _ in range(arguments.rounds):
            for side in SIDES:
                result = folder / side
                process = context.Process(target=_run, args=(side, arguments, result))
                process.start()
                process.join()
                if process.exitcode:
                    raise SystemExit(f"{side} failed")
                numbers = json.loads(result.read_text())
                best[side] = {
                    key: (min if key == "time" else max)(best[side][key], numbers[key])
                    for key in numbers
                }
    print(f"{arguments.model} {arguments.size}x{arguments.size}, batch {arguments.batch}, "
          f"{machine.arithmetic()}")  # fmt: skip
    for side in SIDES:
        print(
            f"{side:14} {best[side]['time']:6.2f} s a step, peak memory {best[side]['peak']:5.0f} "
            f"MiB, of which {best[side]['step_peak']:5.0f} MiB came with the steps"
        )
    theirs, ours = (best[side] for side in SIDES)
    ratios = {key: ours[key] / theirs[key] for key in ours}
    print(f"ratio: time {ratios['time']:.2f}, peak memory {ratios['peak']:.2f}, "
          f"of the steps {ratios['step_peak']:.2f}")  # fmt: skip
    difference = _gradient_difference(arguments.model)
    print(f"gradients (float64) differ by {difference:.1e} of a parameter's largest at most")


if __name__ == "__main__":
    main()
