"""What U²-Net is made of, as primitives on activations in NHWC."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, List, NamedTuple, Optional, Tuple

from paddleseg_u2net.onednn import library as dnnl
from paddleseg_u2net.onednn.library import Layout, Primitive, dimensions, layout

# Of each kind; images of ever new sizes do not pile up.
_cached = lru_cache(maxsize=1024)


class Shape(NamedTuple):
    """Of an activation; in memory the channels of a pixel lie side by side."""

    batch: int
    channels: int
    height: int
    width: int

    def layout(self) -> Layout:
        """In NHWC."""
        return layout(self, _nhwc(self))

    @property
    def bytes(self) -> int:
        """Of float32."""
        return 4 * self.batch * self.channels * self.height * self.width


def _nhwc(shape: Shape) -> Tuple[int, int, int, int]:
    row = shape.width * shape.channels
    return shape.height * row, 1, row, shape.channels


def _nchw(shape: Shape) -> Tuple[int, int, int, int]:
    plane = shape.height * shape.width
    return shape.channels * plane, plane, shape.width, 1


def _reorder(source: Layout, target: Layout) -> Primitive:
    engine = dnnl.loaded().engine
    return Primitive("reorder", (source, engine, target, engine), (dnnl.SRC, dnnl.DST))


@_cached
def from_nchw(shape: Shape) -> Primitive:
    """SRC in Paddle's layout to DST."""
    return _reorder(layout(shape, _nchw(shape)), shape.layout())


@_cached
def to_nchw(shape: Shape) -> Primitive:
    """SRC to DST in Paddle's layout."""
    return _reorder(shape.layout(), layout(shape, _nchw(shape)))


@_cached
def sum_of_two(shape: Shape) -> Primitive:
    """SRC + SRC_1 to DST, which may be one of them."""
    parts = [shape.layout()] * 3
    arguments = (dnnl.loaded().engine, dnnl.BINARY_ADD, *parts)
    return Primitive("binary", arguments, (dnnl.SRC, dnnl.SRC_1, dnnl.DST))


class Convolution(NamedTuple):
    """A 3x3 convolution that keeps height and width."""

    source: Shape
    out_channels: int
    dilation: int
    bias: bool
    kernel_inputs: int
    """Channels of the whole kernel, of which this takes some side by side."""

    @property
    def target(self) -> Shape:
        """Of the result."""
        return self.source._replace(channels=self.out_channels)

    @property
    def _kernel(self) -> Tuple[int, int, int, int]:
        return self.out_channels, self.source.channels, 3, 3

    @property
    def _plain_kernel(self) -> Layout:
        return layout(self._kernel, (9 * self.kernel_inputs, 9, 3, 1))

    def _primitive(
        self, kind: str, indices: Tuple[int, ...], hint: Optional[Primitive], sums: bool = False
    ) -> Primitive:
        kind = f"convolution_{kind}"
        before: List[Any] = [dnnl.FORWARD_TRAINING] if hint is None else []
        operands = [self.source.layout(), layout(self._kernel), None, self.target.layout()]
        if kind.endswith("data"):
            del operands[2]
        elif self.bias:
            operands[2] = layout((self.out_channels,), (1,))
        gaps, margin = self.dilation - 1, self.dilation
        geometry = [dimensions(size, size) for size in (1, gaps, margin, margin)]
        last = [hint.description] if hint else []
        before = [dnnl.loaded().engine, *before, dnnl.CONVOLUTION_DIRECT]
        arguments = (*before, *operands, *geometry, *last)
        return Primitive(kind, arguments, indices, sums)


@_cached
def convolution(shape: Convolution, adds: bool = False) -> Tuple[Primitive, Primitive]:
    """What brings the kernel into its layout, and SRC, WEIGHTS, BIAS if it has one, to DST; with
    ``adds`` the result is added to what stands there.
    """
    bias = (dnnl.BIAS,) if shape.bias else ()
    indices = (dnnl.SRC, dnnl.WEIGHTS, *bias, dnnl.DST)
    forward = shape._primitive("forward", indices, None, sums=adds)
    return _reorder(shape._plain_kernel, forward.layout(dnnl.WEIGHTS)), forward


@_cached
def convolution_data(shape: Convolution) -> Tuple[Primitive, Primitive]:
    """What brings the kernel into its layout, and WEIGHTS, DIFF_DST to DIFF_SRC."""
    indices = (dnnl.WEIGHTS, dnnl.DIFF_DST, dnnl.DIFF_SRC)
    backward = shape._primitive("backward_data", indices, convolution(shape)[1])
    return _reorder(shape._plain_kernel, backward.layout(dnnl.WEIGHTS)), backward


@_cached
def convolution_weights(shape: Convolution) -> Tuple[Primitive, Primitive]:
    """SRC, DIFF_DST to DIFF_WEIGHTS and DIFF_BIAS, and what brings these into Paddle's layout."""
    bias = (dnnl.DIFF_BIAS,) if shape.bias else ()
    indices = (dnnl.SRC, dnnl.DIFF_DST, dnnl.DIFF_WEIGHTS, *bias)
    backward = shape._primitive("backward_weights", indices, convolution(shape)[1])
    return backward, _reorder(backward.layout(dnnl.DIFF_WEIGHTS), shape._plain_kernel)


class Rows(NamedTuple):
    """A map as BatchNorms see it: each column of each channel is a channel of its own.

    They add up an image's column one pixel after the other in float32, which is exact enough; a
    whole batch so would lose three digits. And with one image for the batch their threads do not
    wait for each other, which in oneDNN they do by spinning.
    """

    shape: Shape

    def layout(self) -> Layout:
        """In NHWC, as the map's own."""
        batch, channels, height, width = self.shape
        return Shape(1, width * channels, batch * height, 1).layout()

    def one_row(self) -> Layout:
        """A value for each column of each channel."""
        return Shape(1, self.shape.width * self.shape.channels, 1, 1).layout()

    def _batchnorm(self, kind: int, maps: int, epsilon: float, flags: int) -> Tuple[Any, ...]:
        layouts = [self.layout() for _ in range(maps)]
        return (
            dnnl.loaded().engine,
            kind,
            *layouts,
            ctypes.c_float(epsilon),
            ctypes.c_uint(flags),
        )


@_cached
def moments(shape: Shape) -> Primitive:
    """SRC to MEAN and VARIANCE of each of the `Rows`' channels; DST and WORKSPACE are of no use."""
    arguments = Rows(shape)._batchnorm(dnnl.FORWARD_TRAINING, 2, 0.0, 0)
    indices = (dnnl.SRC, dnnl.DST, dnnl.MEAN, dnnl.VARIANCE)
    return Primitive("batch_normalization_forward", arguments, indices)


_STATISTICS = (dnnl.MEAN, dnnl.VARIANCE, dnnl.SCALE)
_FLAGS = dnnl.USE_GLOBAL_STATS | dnnl.USE_SCALE | dnnl.USE_SHIFT | dnnl.FUSE_NORM_RELU


@_cached
def normalisation(shape: Shape, epsilon: float, kept: bool) -> Primitive:
    """SRC, MEAN, VARIANCE, SCALE, SHIFT (of `Rows`) to DST, after a ReLU, and if ``kept``, that is
    if a backward pass comes, to WORKSPACE.
    """
    kind = dnnl.FORWARD_TRAINING if kept else dnnl.FORWARD_INFERENCE
    indices = (dnnl.SRC, dnnl.DST, *_STATISTICS, dnnl.SHIFT)
    return Primitive(
        "batch_normalization_forward",
        Rows(shape)._batchnorm(kind, 2, epsilon, _FLAGS),
        (*indices, dnnl.WORKSPACE) if kept else indices,
    )


@_cached
def normalisation_back(shape: Shape, epsilon: float) -> Primitive:
    """SRC, MEAN, VARIANCE, SCALE, WORKSPACE, DIFF_DST to DIFF_SRC, DIFF_SCALE, DIFF_SHIFT, as if
    mean and variance were constants.
    """
    gradients = (dnnl.DIFF_DST, dnnl.DIFF_SRC, dnnl.DIFF_SCALE, dnnl.DIFF_SHIFT)
    indices = (dnnl.SRC, *_STATISTICS, dnnl.WORKSPACE, *gradients)
    arguments = Rows(shape)._batchnorm(dnnl.BACKWARD, 3, epsilon, _FLAGS)
    hint = normalisation(shape, epsilon, True).description
    return Primitive("batch_normalization_backward", (*arguments, hint), indices)


@_cached
def multiplied_and_added(shape: Shape) -> Primitive:
    """SRC * SRC_1 (of `Rows`) + SUMMANDS (a map, and one of `Rows`) to DST, which may be SRC."""
    rows = Rows(shape)
    arguments = (
        dnnl.loaded().engine,
        dnnl.BINARY_MUL,
        rows.layout(),
        rows.one_row(),
        rows.layout(),
    )
    indices = (dnnl.SRC, dnnl.SRC_1, *dnnl.SUMMANDS, dnnl.DST)
    return Primitive("binary", arguments, indices, adds=(rows.layout(), rows.one_row()))


def halved(shape: Shape) -> Shape:
    """What `pooling` gives."""
    return shape._replace(height=-(-shape.height // 2), width=-(-shape.width // 2))


def _pooling(shape: Shape) -> Tuple[Any, ...]:
    two = dimensions(2, 2)
    over = dimensions(shape.height % 2, shape.width % 2)
    maps = (shape.layout(), halved(shape).layout())
    return (dnnl.POOLING_MAX, *maps, two, two, dimensions(0, 0), dimensions(0, 0), over)


@_cached
def pooling(shape: Shape) -> Primitive:
    """SRC to DST, the largest of 2x2, and WORKSPACE; an odd border makes windows of its own."""
    arguments = (dnnl.loaded().engine, dnnl.FORWARD_TRAINING, *_pooling(shape))
    return Primitive("pooling_forward", arguments, (dnnl.SRC, dnnl.DST, dnnl.WORKSPACE))


@_cached
def pooling_back(shape: Shape) -> Primitive:
    """WORKSPACE, DIFF_DST to DIFF_SRC."""
    arguments = (dnnl.loaded().engine, *_pooling(shape), pooling(shape).description)
    indices = (dnnl.WORKSPACE, dnnl.DIFF_DST, dnnl.DIFF_SRC)
    return Primitive("pooling_backward", arguments, indices)


@_cached
def resampling(source: Shape, target: Shape) -> Primitive:
    """SRC to DST, bilinear, pixels being areas (without ``align_corners``)."""
    kinds = (dnnl.FORWARD_TRAINING, dnnl.RESAMPLING_LINEAR)
    arguments = (dnnl.loaded().engine, *kinds, None, source.layout(), target.layout())
    return Primitive("resampling_forward", arguments, (dnnl.SRC, dnnl.DST))


@_cached
def resampling_back(source: Shape, target: Shape) -> Primitive:
    """DIFF_DST to DIFF_SRC."""
    maps = (source.layout(), target.layout(), resampling(source, target).description)
    arguments = (dnnl.loaded().engine, dnnl.RESAMPLING_LINEAR, None, *maps)
    return Primitive("resampling_backward", arguments, (dnnl.DIFF_DST, dnnl.DIFF_SRC))
