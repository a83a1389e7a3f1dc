"""BatchNorms of weights in which they had been folded into the convolutions.

Published ONNX files, and PyTorch files made for inference, hold BatchNorms that do nothing: the
convolutions have their scales. Training would divide those scales out again, since it normalises by
the statistics of the batch, and so begin with another network than the file's. Measured anew, the
BatchNorms divide by the statistics that the training data has here and multiply by them again:
in evaluation nothing changes, and training begins where the file ends.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn

Sums = Dict[str, List[Any]]


def folded(model: nn.Layer) -> List[str]:
    """Names of the BatchNorms that scale no channel and have one variance for all of them, which
    neither training nor measuring leaves behind.
    """
    return [name for name, layer in _layers(model) if _is_folded(layer)]


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
    sums: Sums = {}
    layers = [(name, layer) for name, layer in _layers(model) if _is_folded(layer)]
    handles = [layer.register_forward_pre_hook(_adder(sums, name)) for name, layer in layers]
    model.eval()
    try:
        for images in batches:
            model(images)
    finally:
        for handle in handles:
            handle.remove()
        if was_training:
            model.train()
    for name, layer in layers:
        _set_statistics(layer, *_mean_and_variance(sums[name]))


def statistics(weights: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """The running means and variances among a model's weights."""
    ends = ("._mean", "._variance")
    return {name: value for name, value in weights.items() if name.endswith(ends)}


def _layers(model: nn.Layer) -> List[Tuple[str, nn.BatchNorm2D]]:
    found = model.named_sublayers()
    return [(name, layer) for name, layer in found if isinstance(layer, nn.BatchNorm2D)]


def _adder(sums: Sums, name: str) -> Any:
    def add(layer: nn.Layer, inputs: Tuple[Tensor]) -> None:
        values = inputs[0].numpy().astype(np.float64)
        axes = (0, 2, 3)
        entry = sums.setdefault(name, [0, 0.0, 0.0])
        entry[0] += values.size // values.shape[1]
        entry[1] = entry[1] + values.sum(axes)
        entry[2] = entry[2] + (values**2).sum(axes)

    return add


def _mean_and_variance(entry: List[Any]) -> Tuple[np.ndarray, np.ndarray]:
    count, total, squares = entry
    mean = total / count
    return mean, np.maximum(squares / count - mean**2, 0)


def _set_statistics(layer: nn.BatchNorm2D, mean: np.ndarray, variance: np.ndarray) -> None:
    def array(tensor: Tensor) -> np.ndarray:
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
