"""The two halves of a U²-Net: encoder stages, and decoder stages with side outputs and their fusion
(Qin et al. 2020, sec. 3.2, fig. 5). Networks take one or both.
"""

from __future__ import annotations

from typing import List, Optional, Sequence

import paddle
from paddle import Tensor, nn

from paddleseg_u2net.architecture import Stage
from paddleseg_u2net.models.layers import RSU, SameConv, halve, join, resize_like


class Stages(nn.Layer):
    """What is made of stages: ``stage1``, ``stage2``, ... down, each at half the size of the one
    above, and ``stage1d``, ``stage2d``, ... up.
    """

    def add_encoder(self, rows: Sequence[Stage], in_channels: int, first: int = 1) -> None:
        """Stages down, beginning with number ``first``, whose input has ``in_channels``."""
        for level, row in enumerate(rows, start=first):
            setattr(self, f"stage{level}", rsu(row, in_channels))
            in_channels = row.out

    def add_decoder(self, channels: Sequence[int], rows: Sequence[Stage], num_classes: int) -> None:
        """Stages up, from the bottom, over features with ``channels`` from fine to coarse; a side
        output for each and for the coarsest feature, and their fusion.
        """
        self.depth = len(channels)
        below = channels[-1]
        for level, row in zip(range(self.depth - 1, 0, -1), rows):
            setattr(self, f"stage{level}d", rsu(row, below + channels[level - 1]))
            below = row.out
        sides = [*(row.out for row in reversed(rows)), channels[-1]]
        for level, side in enumerate(sides, start=1):
            setattr(self, f"side{level}", SameConv(side, num_classes))
        self.outconv = nn.Conv2D(
            self.depth * num_classes,
            num_classes,
            kernel_size=1,
            weight_attr=nn.initializer.XavierUniform(),
            bias_attr=nn.initializer.Constant(0.0),
        )

    def encode(self, x: Tensor, first: int, last: int) -> List[Tensor]:
        """The outputs of encoder stages, from fine to coarse; all but stage 1 halve their input."""
        features = []
        for level in range(first, last + 1):
            x = getattr(self, f"stage{level}")(x if level == 1 else halve(x))
            features.append(x)
        return features

    def decode(self, encoded: List[Tensor]) -> List[Tensor]:
        """The decoder stages' outputs and the coarsest feature, from fine to coarse."""
        x = encoded[-1]
        features = [x]
        for level in range(self.depth - 1, 0, -1):
            skip = encoded[level - 1]
            x = getattr(self, f"stage{level}d")(join(resize_like(x, skip), skip))
            features.append(x)
        return features[::-1]

    def sides(self, features: List[Tensor]) -> List[Tensor]:
        """Logits of decoded ``features``, each at its own height and width."""
        # Paddle 2.6 cannot compile `start=1`
        return [getattr(self, f"side{i + 1}")(feature) for i, feature in enumerate(features)]

    def fuse(self, sides: List[Tensor], image: Optional[Tensor] = None) -> List[Tensor]:
        """Logits at the height and width of ``image`` (of the finest side, if there is none): in
        training the fused ones and those of all sides, else the fused ones.
        """
        if image is None:
            sides = sides[:1] + [resize_like(side, sides[0]) for side in sides[1:]]
        else:
            sides = [resize_like(side, image) for side in sides]
        fused = self.outconv(paddle.concat(sides, 1))
        return [fused, *sides] if self.training else [fused]


def rsu(row: Stage, in_channels: int) -> RSU:
    """The RSU of a row of a stage table."""
    return RSU(row.levels, in_channels, row.mid, row.out, row.dilated)
