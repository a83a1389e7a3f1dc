"""U²-Net as a list of operations, for all that needs its structure and not Paddle.

The layers of ``paddleseg_u2net.models`` say the same in Paddle; a test holds the two equal.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from paddleseg_u2net.architecture.stages import Stage, StageTable


class Convolution(NamedTuple):
    """A convolution of stride 1 that keeps height and width.

    ``normalised``: BatchNorm and ReLU stand behind it; the layer is ``name.conv_s1`` then and the
    BatchNorm ``name.bn_s1``. Otherwise the layer is ``name`` and has a bias.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: int
    dilation: int
    normalised: bool

    @property
    def layer(self) -> str:
        """The prefix of its weights' names."""
        return f"{self.name}.conv_s1" if self.normalised else self.name

    @property
    def batchnorm(self) -> str:
        """The prefix of its BatchNorm's names."""
        return f"{self.name}.bn_s1"

    @property
    def padding(self) -> int:
        """On each side."""
        return self.dilation * (self.kernel // 2)

    @property
    def multiply_adds(self) -> int:
        """Of one output element."""
        return self.in_channels * self.kernel**2

    @property
    def parameters(self) -> int:
        """Kernel and bias, and BatchNorm's scale and shift."""
        return self.out_channels * (self.multiply_adds + 1 + 2 * self.normalised)


class Operation(NamedTuple):
    """One step; ``inputs`` are numbers of earlier steps.

    ``kind``: "input"; "conv"; "pool", 2x2 with a window of its own for an odd border; "resize",
    bilinear without ``align_corners``, the first input to the height and width of the second;
    "concat", of channels; "add".
    """

    number: int
    kind: str
    stage: str
    """``stage1`` .. ``stage1d``, with what prepares its input; ``sides`` for what fuses them."""
    inputs: Tuple[int, ...] = ()
    conv: Optional[Convolution] = None

    @property
    def name(self) -> str:
        """Unique in its program."""
        return f"{self.kind}_{self.number}" if self.inputs else self.kind

    @property
    def convolution(self) -> Convolution:
        """``conv`` of a step that has one."""
        assert self.conv is not None
        return self.conv


class Program(NamedTuple):
    """The steps, and the numbers of those that are results: fused logits, side 1, side 2, ..."""

    operations: List[Operation]
    outputs: List[int]

    def run(self, functions: Any) -> List[Any]:
        """What every step gives, in order.

        ``functions`` has a method for each kind of operation, called with the ``Operation`` and the
        values of its inputs, which may be anything: ``input(step)``, ``conv(step, x)``,
        ``pool(step, x)``, ``resize(step, x, like)``, ``concat(step, *parts)``, ``add(step, a, b)``.
        """
        values: List[Any] = []
        for step in self.operations:
            inputs = (values[number] for number in step.inputs)
            values.append(getattr(functions, step.kind)(step, *inputs))
        return values

    @property
    def convolutions(self) -> List[Convolution]:
        """In the order in which they run."""
        return [step.conv for step in self.operations if step.conv is not None]

    def shapes(self) -> Dict[str, Tuple[int, ...]]:
        """Names and shapes of all weights in the published layout, without the step counters."""
        shapes: Dict[str, Tuple[int, ...]] = {}
        for conv in self.convolutions:
            kernel = (conv.out_channels, conv.in_channels, conv.kernel, conv.kernel)
            shapes[f"{conv.layer}.weight"] = kernel
            shapes[f"{conv.layer}.bias"] = kernel[:1]
            if conv.normalised:
                for part in ("weight", "bias", "_mean", "_variance"):
                    shapes[f"{conv.batchnorm}.{part}"] = kernel[:1]
        return shapes


def build(table: StageTable, num_classes: int = 1, in_channels: int = 3) -> Program:
    """The program of a U²-Net with these stages."""
    return _Builder().network(table, num_classes, in_channels)


class _Builder:
    """Appends operations; its methods take and return numbers of steps."""

    def __init__(self) -> None:
        self.operations: List[Operation] = []
        self.channels: List[int] = []
        self.stage = "stage1"

    def network(self, table: StageTable, num_classes: int, in_channels: int) -> Program:
        self._append("input", (), in_channels)
        x, encoded = 0, []
        for level, row in enumerate(table.encoder, start=1):
            self.stage = f"stage{level}"
            x = self._rsu(row, x if level == 1 else self._pool(x))
            encoded.append(x)
        features = [x]
        for level, row in zip(range(len(encoded) - 1, 0, -1), table.decoder):
            skip = encoded[level - 1]
            self.stage = f"stage{level}d"
            x = self._rsu(row, self._concat(self._resize(x, skip), skip))
            features.append(x)
        sides: List[int] = []
        self.stage = "sides"
        for level, feature in enumerate(reversed(features), start=1):
            side = self._conv(f"side{level}", feature, num_classes, normalised=False)
            sides.append(self._resize(side, sides[0]) if sides else side)
        fused = self._conv("outconv", self._concat(*sides), num_classes, 1, normalised=False)
        return Program(self.operations, [fused, *sides])

    def _rsu(self, row: Stage, x: int) -> int:
        name = self.stage
        levels = row.levels
        residual = x = self._conv(f"{name}.rebnconvin", x, row.out)
        skips = []
        for level in range(1, levels):
            dilation = 2 ** (level - 1) if row.dilated else 1
            x = self._conv(f"{name}.rebnconv{level}", x, row.mid, dilation=dilation)
            skips.append(x)
            if not row.dilated and level < levels - 1:
                x = self._pool(x)
        dilation = 2 ** (levels - 1) if row.dilated else 2
        x = self._conv(f"{name}.rebnconv{levels}", x, row.mid, dilation=dilation)
        for level in range(levels - 1, 0, -1):
            skip = skips.pop()
            # A dilated RSU never leaves its resolution; the bottom of the others has kept it too.
            same = row.dilated or level == levels - 1
            x = self._concat(x if same else self._resize(x, skip), skip)
            dilation = 2 ** (level - 1) if row.dilated else 1
            out = row.out if level == 1 else row.mid
            x = self._conv(f"{name}.rebnconv{level}d", x, out, dilation=dilation)
        return self._append("add", (x, residual), self.channels[x])

    def _conv(
        self,
        name: str,
        x: int,
        out_channels: int,
        kernel: int = 3,
        dilation: int = 1,
        normalised: bool = True,
    ) -> int:
        conv = Convolution(name, self.channels[x], out_channels, kernel, dilation, normalised)
        return self._append("conv", (x,), out_channels, conv)

    def _pool(self, x: int) -> int:
        return self._append("pool", (x,), self.channels[x])

    def _resize(self, x: int, like: int) -> int:
        return self._append("resize", (x, like), self.channels[x])

    def _concat(self, *parts: int) -> int:
        return self._append("concat", parts, sum(self.channels[part] for part in parts))

    def _append(
        self, kind: str, inputs: Tuple[int, ...], channels: int, conv: Optional[Convolution] = None
    ) -> int:
        self.operations.append(Operation(len(self.operations), kind, self.stage, inputs, conv))
        self.channels.append(channels)
        return len(self.operations) - 1
