"""A 3x3 convolution that keeps its input's size, computed the cheaper of two equal ways."""

from __future__ import annotations

from typing import Optional

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

# Below this many pixels in a batch, turning the kernel round costs more than it saves.
_MIN_PIXELS = 1024


class SameConv(nn.Layer):
    """3x3 convolution, stride 1, padding = dilation, so that (H, W) stays.

    ``weight`` (out, in, 3, 3) by Xavier's uniform rule (Glorot and Bengio 2010, eq. 16), as in the
    U²-Net paper, sec. 4.2; ``bias`` (out,) zeros, or none: a BatchNorm behind would cancel it.
    """

    def __init__(
        self, in_channels: int, out_channels: int, dilation: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.weight = self.create_parameter(
            [out_channels, in_channels, 3, 3],
            default_initializer=nn.initializer.XavierUniform(),
        )
        self.bias = self.create_parameter([out_channels], is_bias=True) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H, W), both floating point."""
        return conv3x3(x, self.weight, self.bias, self.dilation)


def conv3x3(x: Tensor, weight: Tensor, bias: Optional[Tensor], dilation: int) -> Tensor:
    """Correlate ``x`` (N, I, H, W) with ``weight`` (O, I, 3, 3); the result is (N, O, H, W).

    On a CPU, Paddle multiplies matrices of 9 * I rows for a convolution (im2col), of 9 * O rows for
    a transposed one (col2im); reading and writing those is most of the time and memory. With its
    kernel turned round and channels swapped the two are equal to float32 rounding.
    """
    if _transposed_is_cheaper(x, weight):
        turned = paddle.flip(weight, [2, 3]).transpose([1, 0, 2, 3])
        return F.conv2d_transpose(x, turned, bias, padding=dilation, dilation=dilation)
    return F.conv2d(x, weight, bias, padding=dilation, dilation=dilation)


def _transposed_is_cheaper(x: Tensor, weight: Tensor) -> bool:
    if not paddle.in_dynamic_mode() or not paddle.get_device().startswith("cpu"):
        return False  # a compiled program and a GPU choose their own algorithm
    batch, _, height, width = x.shape
    out_channels, in_channels = weight.shape[:2]
    return out_channels <= in_channels and batch * height * width >= _MIN_PIXELS
