"""U²-Net and U²-NetP (Qin et al. 2020, "U²-Net: Going deeper with nested U-structure for salient
object detection", arXiv:2005.09007): one body, and a table of stages for each variant.
"""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Union

import paddle
from paddle import Tensor, nn

from paddleseg_u2net.models.conv import SameConv
from paddleseg_u2net.models.rsu import RSU, halve, resize_like


class Stage(NamedTuple):
    """One row of a stage table: an RSU of ``height`` (7, 6, 5, ... or "4F" for the dilated one),
    with ``mid`` channels inside and ``out`` channels behind it.
    """

    height: Union[int, str]
    mid: int
    out: int

    def build(self, in_channels: int) -> RSU:
        """The RSU of this row for ``in_channels``."""
        text = str(self.height)
        levels = int(text.removesuffix("F"))
        return RSU(levels, in_channels, self.mid, self.out, dilated=text.endswith("F"))


class StageTable(NamedTuple):
    """Encoder stages 1 .. n from the top down, and decoder stages n-1 .. 1 from the bottom up."""

    encoder: Sequence[Stage]
    decoder: Sequence[Stage]

    @classmethod
    def parse(cls, table: Any) -> StageTable:
        """A table from YAML: ``{encoder: [[7, 32, 64], ...], decoder: [["4F", 256, 512], ...]}``.

        Raises:
            ValueError: the table does not have this form; the message says which part.
        """
        if isinstance(table, cls):
            return table
        if not isinstance(table, Mapping) or set(table) != {"encoder", "decoder"}:
            raise ValueError(f"stages: expected two lists `encoder` and `decoder`, got {table!r}")
        for part in ("encoder", "decoder"):
            if not isinstance(table[part], (list, tuple)):
                raise ValueError(f"stages.{part}: expected a list of rows, got {table[part]!r}")
        parsed = cls(*([_parse_row(row) for row in table[part]] for part in ("encoder", "decoder")))
        if len(parsed.encoder) < 2 or len(parsed.decoder) != len(parsed.encoder) - 1:
            raise ValueError(
                "stages: expected n >= 2 encoder rows and n - 1 decoder rows, got "
                f"{len(parsed.encoder)} and {len(parsed.decoder)}"
            )
        return parsed


def _parse_row(row: Any) -> Stage:
    try:
        height, mid, out = row if isinstance(row, (list, tuple)) else ()
        whole = all(type(channels) is int and channels > 0 for channels in (mid, out))
        if not whole or type(height) not in (int, str) or int(str(height).removesuffix("F")) < 2:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            "stages: expected rows [height, mid, out] with a height of 2 or more or one such as "
            f'"4F", and positive channels; got {row!r}'
        ) from None
    return Stage(height, mid, out)


# Table 1 of the paper. Row: RSU height, mid channels (M), out channels (O).
U2NET = StageTable(
    encoder=[
        Stage(7, 32, 64),
        Stage(6, 32, 128),
        Stage(5, 64, 256),
        Stage(4, 128, 512),
        Stage("4F", 256, 512),
        Stage("4F", 256, 512),
    ],
    decoder=[
        Stage("4F", 256, 512),
        Stage(4, 128, 256),
        Stage(5, 64, 128),
        Stage(6, 32, 64),
        Stage(7, 16, 64),
    ],
)
U2NETP = StageTable(
    encoder=[Stage(height, 16, 64) for height in (7, 6, 5, 4, "4F", "4F")],
    decoder=[Stage(height, 16, 64) for height in ("4F", 4, 5, 6, 7)],
)


class U2Net(nn.Layer):
    """U²-Net: a U of RSUs, a side output at every scale, and their fusion (sec. 3.2, fig. 5).

    Input: (N, in_channels, H, W) floating point, normalised; any H and W of 1 or more.
    Output: a list of logits (no sigmoid, no softmax), each (N, num_classes, H, W). In training
    ``[d0, d1, ..., dn]``: the fused map, then the side outputs from fine to coarse. In evaluation
    ``[d0]``.

    Args:
        num_classes: 1 for a binary task (sigmoid), 2 and more for softmax over classes.
        in_channels: channels of the input image.
        stages: another stage table, as a ``StageTable`` or in the form of ``StageTable.parse``.
        pretrained: a file of weights to start from.
    """

    table: StageTable = U2NET

    def __init__(
        self,
        num_classes: int = 1,
        in_channels: int = 3,
        stages: Optional[Any] = None,
        pretrained: Optional[str] = None,
    ) -> None:
        super().__init__()
        for name, value in (("num_classes", num_classes), ("in_channels", in_channels)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected a whole number of 1 or more, got {value!r}")
        self.num_classes, self.in_channels = num_classes, in_channels
        encoder, decoder = self.table if stages is None else StageTable.parse(stages)
        self.depth = len(encoder)

        channels = in_channels
        for level, row in enumerate(encoder, start=1):
            setattr(self, f"stage{level}", row.build(channels))
            channels = row.out
        for level, row in zip(range(self.depth - 1, 0, -1), decoder):
            setattr(self, f"stage{level}d", row.build(channels + encoder[level - 1].out))
            channels = row.out
        for level, row in enumerate([*reversed(decoder), encoder[-1]], start=1):
            setattr(self, f"side{level}", SameConv(row.out, num_classes))
        self.outconv = nn.Conv2D(
            self.depth * num_classes,
            num_classes,
            kernel_size=1,
            weight_attr=nn.initializer.XavierUniform(),
            bias_attr=nn.initializer.Constant(0.0),
        )
        if pretrained is not None:
            from paddleseg_u2net.weights import load_weights

            load_weights(self, pretrained)

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, in_channels, H, W) -> [(N, num_classes, H, W), ...]; see the class."""
        features = self._decode(self._encode(x))
        sides: List[Tensor] = []
        for index, feature in enumerate(features):  # Paddle 2.6 cannot compile `start=1`
            side = getattr(self, f"side{index + 1}")(feature)
            sides.append(resize_like(side, sides[0]) if sides else side)
        fused = self.outconv(paddle.concat(sides, 1))
        return [fused, *sides] if self.training else [fused]

    def _encode(self, x: Tensor) -> List[Tensor]:
        """The encoder stages' outputs, from fine to coarse."""
        features = []
        for level in range(1, self.depth + 1):
            x = getattr(self, f"stage{level}")(x if level == 1 else halve(x))
            features.append(x)
        return features

    def _decode(self, encoded: List[Tensor]) -> List[Tensor]:
        """The decoder stages' outputs and the last encoder stage's, from fine to coarse."""
        x = encoded[-1]
        features = [x]
        for level in range(self.depth - 1, 0, -1):
            skip = encoded[level - 1]
            x = getattr(self, f"stage{level}d")(paddle.concat([resize_like(x, skip), skip], 1))
            features.append(x)
        return features[::-1]


class U2NetP(U2Net):
    """U²-Net† of the paper: every RSU has 16 channels inside and 64 behind it; 4.7 MB."""

    table = U2NETP
