"""BatchNorms that were folded into the convolutions, as in published ONNX files: training would
divide the scales out again. Measured anew, they divide by the statistics of the training data and
multiply by them; in evaluation nothing changes.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn

from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.log import logger
from paddleseg_u2net.training.loader import Schedule, train_loader

_IMAGES = 32  # that statistics are measured on


def measure_folded(model: nn.Layer, config: Config, dataset: PairDataset, seed: int) -> None:
    """Measure the folded BatchNorms of a model on the first training images, if it has any."""
    names = folded(model)
    if not names:
        return
    count = -(-_IMAGES // config.batch_size)
    schedule = Schedule(len(dataset), config.batch_size, seed, 0, count)
    seen = min(count * config.batch_size, len(dataset))
    logger.info(
        f"{config.pretrained}: {len(names)} BatchNorms are folded into the convolutions; measuring "
        f"them anew on {seen} training images (the maps stay)"
    )
    batches = train_loader(dataset, config.preprocess(), schedule, 0)
    measure(model, (images for images, _ in batches))


def folded(model: nn.Layer) -> List[str]:
    """Names of the BatchNorms that scale no channel and have one variance for all of them, which
    neither training nor measuring leaves behind.
    """
    found = model.named_sublayers()
    return [
        name for name, layer in found if isinstance(layer, nn.BatchNorm2D) and _is_folded(layer)
    ]


def _is_folded(layer: nn.BatchNorm2D) -> bool:
    variance = layer._variance.numpy()
    slope = layer.weight.numpy() / np.sqrt(variance + layer._epsilon)
    return bool((np.abs(slope - 1) < 1e-4).all() and np.ptp(variance) == 0)


@paddle.no_grad()
def measure(model: nn.Layer, batches: Iterable[Tensor]) -> None:
    """Give every folded BatchNorm the mean and variance of its input over ``batches``
    (N, C, H, W), and a scale and shift with which the model's output in evaluation stays the same.
    """
    was_training = model.training
    every = dict(model.named_sublayers())
    layers = [every[name] for name in folded(model)]
    sums = [_Sums() for _ in layers]
    handles = [layer.register_forward_pre_hook(own.add) for layer, own in zip(layers, sums)]
    model.eval()
    try:
        for images in batches:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
        if was_training:
            model.train()
    for layer, own in zip(layers, sums):
        _set_statistics(layer, *own.mean_and_variance())


def statistics(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """The running means and variances among a model's weights."""
    ends = ("._mean", "._variance")
    return {name: value for name, value in weights.items() if name.endswith(ends)}


class _Sums:
    """Sums over the inputs (N, C, H, W) of a layer, by channel, float64."""

    def __init__(self) -> None:
        self.count = 0
        self.total = self.squares = np.zeros(1)

    def add(self, _: nn.Layer, inputs: Tuple[Tensor]) -> None:
        values = inputs[0].numpy().astype(np.float64)
        axes = (0, 2, 3)
        self.count += values.size // values.shape[1]
        self.total = self.total + values.sum(axes)
        self.squares = self.squares + (values**2).sum(axes)

    def mean_and_variance(self) -> Tuple[np.ndarray, np.ndarray]:
        mean = self.total / self.count
        return mean, np.maximum(self.squares / self.count - mean**2, 0)


def _set_statistics(layer: nn.BatchNorm2D, mean: np.ndarray, variance: np.ndarray) -> None:
    def array(tensor: Any) -> np.ndarray:
        return tensor.numpy().astype(np.float64)

    epsilon = layer._epsilon
    slope = array(layer.weight) / np.sqrt(array(layer._variance) + epsilon)
    offset = array(layer.bias) - slope * array(layer._mean)
    for tensor, value in (
        (layer._mean, mean),
        (layer._variance, variance),
        (layer.weight, slope * np.sqrt(variance + epsilon)),
        (layer.bias, offset + slope * mean),
    ):
        tensor.set_value(value.astype(np.float32))
