"""Train what a JSON file names, and record every step's loss and the first step's gradient."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Dict
from unittest.mock import patch

import numpy as np
import paddle
from paddleseg.cvlibs import manager

from paddleseg_u2net.training import trainer
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.logger import TrainingLogger
from paddleseg_u2net.training.step import Precision
from tests.training.runs import train


class Squares(paddle.nn.Layer):
    """A loss that is a mean, in any precision."""

    def forward(self, logits, label):
        return (
            (paddle.nn.functional.sigmoid(logits[:, 0]) - label.astype(logits.dtype))
            .square()
            .mean()
        )


manager.LOSSES.add_component(Squares)


@contextlib.contextmanager
def _double_precision():
    """Networks are made, and see images, in float64."""

    def loader(*arguments):
        for images, labels in train_loader(*arguments):
            yield images.astype("float64"), labels

    train_loader = trainer.train_loader
    paddle.set_default_dtype("float64")
    try:
        with patch.object(trainer, "train_loader", loader):
            yield
    finally:
        paddle.set_default_dtype("float32")


def recorded(config: dict, folder: Path) -> Dict[str, Any]:
    """``losses`` (steps,) and, by parameters' names, ``gradients`` of the first step."""
    config = dict(config)
    options = config.pop("options", {})
    if config.pop("precision", "") == "float64":
        with _double_precision():
            return recorded(config, folder)
    losses, gradients = [], []
    step, logged = Precision.step, TrainingLogger.step

    def note_gradients(self, optimizer):
        if not gradients:
            known = [item for item in optimizer._parameter_list if item.grad is not None]
            gradients.append(np.concatenate([item.grad.numpy().ravel() for item in known]))
        step(self, optimizer)

    def note_loss(self, iteration, values, rate):
        losses.append(float(values[0]))
        logged(self, iteration, values, rate)

    steps = patch.object(Precision, "step", note_gradients)
    with steps, patch.object(TrainingLogger, "step", note_loss):
        train(config, folder, **options)
    return {"losses": np.array(losses), "gradients": gradients[0]}


if __name__ == "__main__":
    jobs = json.loads(Path(sys.argv[1]).read_text())
    with Distributed() as distributed:
        for name, config in jobs.items():
            folder = Path(sys.argv[1]).parent / name
            found = recorded(config, folder)
            np.savez(folder.with_name(f"{name}.{distributed.rank}.npz"), **found)
