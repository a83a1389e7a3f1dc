"""A 3x3 convolution, and the ReSidual U-block of U²-Net (Qin et al. 2020, sec. 3.1, fig. 2)."""

from __future__ import annotations

from typing import List, Optional

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddleseg_u2net.onednn.run import run, suits
from paddleseg_u2net.onednn.tape import Joined, Map

# Below this many pixels in a batch, turning the kernel round costs more than it saves.
_MIN_PIXELS = 1024


class SameConv(nn.Layer):
    """3x3 convolution, stride 1, padding = dilation, so that (H, W) stays.

    ``weight`` (out, in, 3, 3) by Xavier's uniform rule (Glorot and Bengio 2010, eq. 16), as in the
    U²-Net paper, sec. 4.2; ``bias`` (out,) zeros, or none: a BatchNorm behind would cancel it.
    """

    runs_on_maps = True

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
        return run(self, self._forward, x) if suits(self, x) else self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        if isinstance(x, (Map, Joined)):
            return x.tape.convolve(x, self.weight, self.bias, self.dilation)
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


def resize_like(x: Tensor, target: Tensor) -> Tensor:
    """Bilinear resize of ``x`` (N, C, h, w) to the height and width of ``target``."""
    if paddle.in_dynamic_mode() and x.shape[2:] == target.shape[2:]:
        return x
    if isinstance(x, Map):
        return x.tape.resize(x, *target.shape[2:])
    return F.interpolate(x, size=paddle.shape(target)[2:], mode="bilinear")


def halve(x: Tensor) -> Tensor:
    """2x2 max pooling; an odd border row or column makes a window of its own."""
    if isinstance(x, Map):
        return x.tape.halve(x)
    return F.max_pool2d(x, kernel_size=2, stride=2, ceil_mode=True)


def join(x: Tensor, y: Tensor) -> Tensor:
    """Side by side in the channels."""
    if isinstance(x, Map):
        return Joined([x, y])
    return paddle.concat([x, y], 1)


class ConvBNReLU(nn.Layer):
    """3x3 convolution, BatchNorm, ReLU. The convolution's bias in the published models, which the
    BatchNorm subtracts again, does not exist here; ``paddleseg_u2net.weights`` translates.
    """

    runs_on_maps = True

    def __init__(self, in_channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = SameConv(in_channels, out_channels, dilation, bias=False)
        self.bn_s1 = nn.BatchNorm2D(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H, W)."""
        return run(self, self._forward, x) if suits(self, x) else self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        if isinstance(x, (Map, Joined)):
            return x.tape.normalise(self.conv_s1(x), self.bn_s1)
        # BatchNorm's backward needs its input, not its output: ReLU may overwrite that.
        return F.relu_(self.bn_s1(self.conv_s1(x)))


class RSU(nn.Layer):
    """A small U-Net whose output is added to its (convolved) input.

    Args:
        height: number of encoder levels, the paper's L; 2 or more.
        in_channels, mid_channels, out_channels: the paper's C_in, M and C_out.
        dilated: the "F" variant: dilations 1, 2, 4, ... take the place of pooling and resizing.

    Layers are named as upstream: ``rebnconvin``, ``rebnconv1`` .. ``rebnconv<L>`` down,
    ``rebnconv<L-1>d`` .. ``rebnconv1d`` up.
    """

    runs_on_maps = True

    def __init__(
        self,
        height: int,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        dilated: bool = False,
    ) -> None:
        super().__init__()
        if height < 2:
            raise ValueError(f"an RSU has 2 levels or more, got height {height}")
        self.height = height
        self.dilated = dilated
        self.rebnconvin = ConvBNReLU(in_channels, out_channels)
        for level in range(1, height + 1):
            channels = out_channels if level == 1 else mid_channels
            setattr(
                self,
                f"rebnconv{level}",
                ConvBNReLU(channels, mid_channels, self._dilation(level)),
            )
        for level in range(height - 1, 0, -1):
            channels = out_channels if level == 1 else mid_channels
            dilation = self._dilation(level) if dilated else 1
            setattr(self, f"rebnconv{level}d", ConvBNReLU(2 * mid_channels, channels, dilation))

    def _dilation(self, level: int) -> int:
        if self.dilated:
            return 2 ** (level - 1)
        return 2 if level == self.height else 1

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H, W), any H and W of 1 or more."""
        return run(self, self._forward, x) if suits(self, x) else self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        residual = self.rebnconvin(x)
        x = residual
        skips: List[Tensor] = []
        for level in range(1, self.height):
            x = getattr(self, f"rebnconv{level}")(x)
            skips.append(x)
            if not self.dilated and level < self.height - 1:
                x = halve(x)
        x = getattr(self, f"rebnconv{self.height}")(x)
        for level in range(self.height - 1, 0, -1):
            skip = skips.pop()
            x = getattr(self, f"rebnconv{level}d")(join(resize_like(x, skip), skip))
        return x + residual
