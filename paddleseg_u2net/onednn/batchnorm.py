"""BatchNorm and the ReLU behind it, exact to the last digits of float32."""

from __future__ import annotations

import math
from typing import Any, Dict, NamedTuple, Tuple

import numpy as np
from paddle import nn

from paddleseg_u2net.onednn import library as dnnl
from paddleseg_u2net.onednn import primitives
from paddleseg_u2net.onednn.memory import Block
from paddleseg_u2net.onednn.primitives import Shape


class Normalised(NamedTuple):
    """What the way back needs."""

    shape: Shape
    layer: nn.BatchNorm2D
    over_batch: bool
    """Whether mean and variance are the batch's."""
    memory: Dict[int, Any]
    """Input, statistics, scale and workspace."""
    pixels: float
    """How many values of a channel those are of."""
    finite: bool
    """Whether all statistics and parameters are."""


def forward(
    layer: nn.BatchNorm2D, shape: Shape, source: Block, target: Block, learns: bool, kept: bool
) -> Normalised:
    """From ``source`` to ``target``, the same one if not ``kept``, that is if there is no way back.

    In training the batch's mean and variance are used, and with ``learns`` averaged into the
    layer's as `paddle.nn.BatchNorm2D` does it: both of the batch, the variance not corrected.
    """
    over_batch = layer.training and not layer._use_global_stats
    pixels: float = math.prod(shape) // shape.channels
    if over_batch:
        mean, variance = _moments(shape, source, target if kept else Block(shape.bytes))
        if hasattr(layer, "over_all"):  # of several processes
            mean, variance, pixels = layer.over_all(mean, variance, pixels)
        if learns:
            _average_in(layer, mean, variance)
    else:
        mean, variance = layer._mean.numpy(), layer._variance.numpy()
    rows = {dnnl.MEAN: mean, dnnl.VARIANCE: variance, dnnl.SCALE: layer.weight.numpy()}
    memory = {dnnl.SRC: source, **{index: _in_rows(shape, rows[index]) for index in rows}}
    primitive = primitives.normalisation(shape, layer._epsilon, kept)
    if kept:
        memory[dnnl.WORKSPACE] = primitive.block(dnnl.WORKSPACE)
    rows[dnnl.SHIFT] = layer.bias.numpy()
    primitive({**memory, dnnl.SHIFT: _in_rows(shape, rows[dnnl.SHIFT]), dnnl.DST: target})
    finite = all(np.isfinite(values).all() for values in rows.values())
    return Normalised(shape, layer, over_batch, memory, pixels, finite)


def backward(done: Normalised, given: Block) -> Tuple[Block, np.ndarray, np.ndarray]:
    """From the gradient behind to those of the input, which takes its place, scale and shift."""
    shape, memory = done.shape, done.memory
    share, parts = Block(shape.bytes), [np.empty_like(memory[dnnl.SCALE]) for _ in range(2)]
    gradients = {dnnl.DIFF_SRC: share, dnnl.DIFF_SCALE: parts[0], dnnl.DIFF_SHIFT: parts[1]}
    epsilon = done.layer._epsilon
    primitive = primitives.normalisation_back(shape, epsilon)
    primitive({**memory, dnnl.DIFF_DST: given, **gradients})
    scale, shift = (_by_channel(shape, part).sum(0, dtype=np.float64) for part in parts)
    if done.over_batch:  # mean and variance move with the input
        mean, variance, weight = (
            _by_channel(shape, memory[index])[0].astype(np.float64)
            for index in (dnnl.MEAN, dnnl.VARIANCE, dnnl.SCALE)
        )
        deviation = np.sqrt(variance + epsilon)
        sums = np.stack([scale, shift])
        every = done.layer.total(sums) if hasattr(done.layer, "over_all") else sums
        slope = -weight * every[0] / (deviation**2 * done.pixels)
        offset = -weight * every[1] / (deviation * done.pixels) - slope * mean
        source = memory[dnnl.SRC]
        line = dict(zip(dnnl.SUMMANDS, (share, _in_rows(shape, offset))))
        line.update({dnnl.SRC: source, dnnl.SRC_1: _in_rows(shape, slope), dnnl.DST: source})
        primitives.multiplied_and_added(shape)(line)
        share = source
    return share, scale.astype(np.float32), shift.astype(np.float32)


def _moments(shape: Shape, source: Block, waste: Block) -> Tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel over the batch."""
    mean, variance = (np.empty(shape.width * shape.channels, np.float32) for _ in range(2))
    results = {dnnl.MEAN: mean, dnnl.VARIANCE: variance, dnnl.DST: waste}
    primitives.moments(shape)({dnnl.SRC: source, **results})
    means = _by_channel(shape, mean).astype(np.float64)
    variances = _by_channel(shape, variance).mean(0, dtype=np.float64) + means.var(0)
    return means.mean(0).astype(np.float32), variances.astype(np.float32)


def _average_in(layer: nn.BatchNorm2D, mean: np.ndarray, variance: np.ndarray) -> None:
    keep = layer._momentum
    for running, seen in ((layer._mean, mean), (layer._variance, variance)):
        running.set_value((running.numpy() * keep + seen * (1 - keep)).astype(np.float32))


def _in_rows(shape: Shape, values: np.ndarray) -> np.ndarray:
    """A value for each channel, as `primitives.Rows` has them."""
    return np.tile(values.astype(np.float32), shape.width)


def _by_channel(shape: Shape, rows: np.ndarray) -> np.ndarray:
    """(columns, channels) of what `primitives.Rows` has."""
    return rows.reshape(shape.width, shape.channels)
