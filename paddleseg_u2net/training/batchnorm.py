"""BatchNorms that were folded into the convolutions, as in published ONNX files: training would
divide the scales out again. Measured anew, they divide by the statistics of the training data and
multiply by them; in evaluation nothing changes.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn

from paddleseg_u2net.config import Config
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.log import logger
from paddleseg_u2net.training.loader import Schedule, train_loader

_IMAGES = 32  # that statistics are measured on


def measure_folded(model: nn.Layer, config: Config, dataset: PairDataset, seed: int) -> None:
    """Measure the folded BatchNorms of a model on the first training images, if it has any in what
    came from the weights of a U²-Net.
    """
    given = config.u2net_weights()
    names = [name for name in folded(model) if name.startswith(tuple(given))]
    if not names:
        return
    count = -(-_IMAGES // config.batch_size)
    schedule = Schedule(len(dataset), config.batch_size, seed, 0, count)
    seen = min(count * config.batch_size, len(dataset))
    logger.info(
        f"{', '.join(given.values())}: {len(names)} BatchNorms are folded into the convolutions; "
        f"measuring them anew on {seen} training images (the maps stay)"
    )
    batches = train_loader(dataset, config.preprocess(), schedule, 0)
    measure(model, (images for images, _ in batches), names)


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
def measure(
    model: nn.Layer, batches: Iterable[Tensor], names: Optional[Iterable[str]] = None
) -> None:
    """Give every folded BatchNorm, or those of ``names``, the mean and variance of its input over
    ``batches`` (N, C, H, W), and a scale and shift with which the model's output in evaluation
    stays the same.
    """
    was_training = model.training
    every = dict(model.named_sublayers())
    layers = [every[name] for name in (folded(model) if names is None else names)]
    sums: Dict[nn.Layer, Any] = dict.fromkeys(layers, 0.0)

    def add(layer: nn.Layer, inputs: Tuple[Tensor]) -> None:
        values = inputs[0].numpy().astype(np.float64)
        count = np.full(values.shape[1], values.size // values.shape[1])
        squares = (values**2).sum((0, 2, 3))
        sums[layer] = sums[layer] + np.stack([count, values.sum((0, 2, 3)), squares])

    handles = [layer.register_forward_pre_hook(add) for layer in layers]
    model.eval()
    try:
        for images in batches:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
        if was_training:
            model.train()
    for layer, (count, total, squares) in sums.items():
        mean = total / count
        _set_statistics(layer, mean, np.maximum(squares / count - mean**2, 0))


def statistics(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """The running means and variances among a model's weights."""
    ends = ("._mean", "._variance")
    return {name: value for name, value in weights.items() if name.endswith(ends)}


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
