"""Short trainings: one step, and some steps from the start at one rate."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any, Iterable, Iterator, List, Tuple

import numpy as np
import paddle

from paddleseg_u2net.training.diagnosis.subject import Batch, Subject


def take_step(subject: Subject, model: Any, optimizer: Any, batch: Batch) -> Tuple[float, Any]:
    """Forward, backward, update; the loss before the update, and the outputs."""
    heads = subject.heads(model, batch)
    loss, _ = subject.criterion.parts(heads, batch[1])
    value = float(loss)
    if np.isfinite(value):
        loss.backward()
        optimizer.step()
    optimizer.clear_grad()
    return value, heads


def few_batches(subject: Subject) -> Iterator[Batch]:
    """Three batches again and again, whose average is smooth: losses of batches differ more."""
    return cycle(list(islice(subject.batches(), 3)))


def losses_at(subject: Subject, rate: float, steps: Iterable[int]) -> List[float]:
    """The losses of steps from the start at one rate; they end where one is no number."""
    model = subject.network()
    optimizer, losses = subject.optimizer(rate), []
    for _, batch in zip(steps, few_batches(subject)):
        losses.append(take_step(subject, model, optimizer, batch)[0])
        if not np.isfinite(losses[-1]):
            break
    return losses


def answered(output: paddle.Tensor) -> np.ndarray:
    """Class numbers (N, H, W) of logits (N, C, H, W)."""
    values = output.astype("float32").numpy()
    return (values[:, 0] > 0).astype(np.int64) if values.shape[1] == 1 else values.argmax(1)


def overlap(found: np.ndarray, label: np.ndarray, ignore_index: int) -> float:
    """IoU of the foreground; of several classes, the mean over those of ``label``. Arrays
    (N, H, W), class numbers; of soft masks the foreground begins at .5.
    """
    valid = label != ignore_index
    truth = np.rint(np.where(valid, label, 0)).astype(np.int64)
    classes = [number for number in np.unique(truth[valid]).tolist() if number > 0] or [0]
    scores = []
    for number in classes:
        own, true = (found == number) & valid, (truth == number) & valid
        scores.append((own & true).sum() / max(1, (own | true).sum()))
    return float(np.mean(scores))
