"""BatchNorms that normalise by the images of all processes, on a CPU, where Paddle has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.autograd import PyLayer

Total = Callable[[np.ndarray], np.ndarray]
"""The sum of a float64 array over all processes."""


@dataclass
class _Batch:
    """Statistics, and of how many values. No tuple: Paddle would see tensors in it."""

    mean: Tensor
    variance: Tensor
    count: float


class SyncBatchNorm(nn.BatchNorm2D):
    """A BatchNorm2D that was `synchronised`; in evaluation it is what it was."""

    total: Total
    runs_on_maps = True  # with oneDNN, too

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        if not self.training or self._use_global_stats:
            return super().forward(x)
        # with a momentum of 0 Paddle's own, fast and careful, leaves the batch's statistics there
        mean, variance = paddle.zeros_like(self._mean), paddle.zeros_like(self._variance)
        with paddle.no_grad():
            given = {"momentum": 0.0, "data_format": self._data_format}
            F.batch_norm(x, mean, variance, training=True, **given)
        count = x.size / mean.size
        every = self.over_all(mean.numpy(), variance.numpy(), count)
        mean, variance = (paddle.to_tensor(item) for item in every[:2])
        for kept, new in ((self._mean, mean), (self._variance, variance)):
            kept.set_value(self._momentum * kept + (1 - self._momentum) * new)
        ones, zeros = paddle.ones_like(mean), paddle.zeros_like(mean)
        weight = ones if self.weight is None else self.weight
        bias = zeros if self.bias is None else self.bias
        return _Normalise.apply(x, weight, bias, self, _Batch(mean, variance, every[2]))

    def over_all(
        self, mean: np.ndarray, variance: np.ndarray, count: float
    ) -> Tuple[np.ndarray, np.ndarray, float]:
        """Those of all processes, of means and variances of ``count`` values of each channel."""
        own, spread = mean.astype(np.float64), variance.astype(np.float64)
        sums = np.stack([np.full(len(own), count), count * own, count * (spread + own**2)])
        sums = self.total(sums)
        whole = sums[1] / sums[0]
        squares = np.maximum(sums[2] / sums[0] - whole**2, 0)
        return whole.astype(mean.dtype), squares.astype(mean.dtype), float(sums[0][0])

    def with_statistics(self, x: Tensor, weight: Any, bias: Any, mean: Any, var: Any) -> Tensor:
        """A channel's values minus its mean, by its deviation, times its weight, plus its bias."""
        given = {"epsilon": self._epsilon, "data_format": self._data_format}
        return F.batch_norm(x, mean, var, weight, bias, training=False, **given)


class _Normalise(PyLayer):
    """By statistics that depend on the input, too, of this process and all others."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        layer: SyncBatchNorm,
        batch: _Batch,
    ) -> Tensor:
        inner = [item.detach() for item in (x, weight, bias)]
        for item in inner:
            item.stop_gradient = False
        with paddle.enable_grad():
            values, slope, shift = inner
            result = layer.with_statistics(values, slope, shift, batch.mean, batch.variance)
        learns = [not item.stop_gradient for item in (x, weight, bias)]
        ctx.kept = layer, inner, batch, result, learns
        return result.detach()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tuple[Optional[Tensor], ...]:
        layer, inner, batch, result, learns = ctx.kept
        # `paddle.grad` within a `paddle.grad` ends the process
        paddle.autograd.backward([result], [gradient])
        dx, dweight, dbias = (item.grad for item in inner)
        # What x changes in the statistics: -weight / deviation * (mean of the gradients + values
        # * mean of values * gradients), with the values normalised and means over all processes.
        sums = np.stack([dbias.numpy(), dweight.numpy()]).astype(np.float64)
        means = paddle.to_tensor(layer.total(sums) / batch.count, dx.dtype)
        slope = inner[1] / (batch.variance + layer._epsilon).sqrt()
        of_values, of_ones = -slope * means[1], -slope * means[0]
        dx.add_(layer.with_statistics(inner[0], of_values, of_ones, batch.mean, batch.variance))
        gradients = (dx, dweight, dbias)
        return tuple(item if learn else None for item, learn in zip(gradients, learns))


def synchronise(model: nn.Layer, total: Total) -> None:
    """Make every BatchNorm2D of ``model`` one that normalises by the images of all processes."""
    for layer in model.sublayers(include_self=True):
        if type(layer) is nn.BatchNorm2D:
            layer.__class__ = SyncBatchNorm
            layer.total = total
