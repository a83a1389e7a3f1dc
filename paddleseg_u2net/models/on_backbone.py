"""U²-Net's decoder on another encoder (Qin et al. 2020, sec. 4.3, table 2, rows "VGG-16 + RSU" and
"ResNet-50 + RSU"), and U²-Net's encoder for other decoders.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from paddle import Tensor, nn

from paddleseg_u2net.architecture import ALIASES, TABLES, U2NET, Stage, StageTable
from paddleseg_u2net.models.stages import Stages
from paddleseg_u2net.onednn.run import run, suits


class U2NetOnBackbone(Stages):
    """U²-Net's decoder, side outputs and fusion on a backbone of PaddleSeg's.

    The paper says that an extra stage stands behind the backbone's last one, for the receptive
    field of U²-Net, and that the decoder is U²-Net's. It does not say what that stage is: here it
    is U²-Net's own last one (RSU-4F), at half the size of the backbone's last feature. Of n
    features the decoder has its lower n stages. A backbone with as many features as U²-Net has
    stages gets no extra one. Side outputs are resized to the image, whatever the finest stride is.

    Input and output are those of ``U2Net``.

    Args:
        backbone: gives a list of features (N, C, h, w), fine to coarse, and has their channels in
            ``feat_channels``.
        num_classes: 1 for a binary task (sigmoid), 2 and more for softmax over classes.
        stages: other stages than the table's: ``decoder``, from the bottom up, and ``encoder``,
            those behind the backbone, in the form of ``StageTable.parse``; each may be left out.
    """

    table: StageTable = U2NET

    def __init__(
        self, backbone: nn.Layer, num_classes: int = 1, stages: Optional[Mapping[str, Any]] = None
    ) -> None:
        super().__init__()
        channels = getattr(backbone, "feat_channels", None)
        if not channels:
            raise ValueError(
                f"backbone: expected one with feat_channels, {type(backbone).__name__} has none"
            )
        self.backbone, self.features = backbone, len(channels)
        encoder, decoder = self._rows(stages or {})
        self.add_encoder(encoder, channels[-1], first=self.features + 1)
        self.add_decoder([*channels, *(row.out for row in encoder)], decoder, num_classes)

    def _rows(self, stages: Mapping[str, Any]) -> StageTable:
        """The stages behind the backbone, and those of the decoder."""
        if unknown := set(stages) - {"encoder", "decoder"}:
            raise ValueError(f"stages: expected encoder and decoder, got {sorted(unknown)[0]!r}")
        extra: Sequence[Stage] = self.table.encoder[-1:]
        if self.features >= len(self.table.encoder):
            extra = []
        if "encoder" in stages:
            extra = StageTable.rows(stages["encoder"])
        needed = self.features + len(extra) - 1
        decoder = self.table.decoder[:needed]
        if "decoder" in stages:
            decoder = StageTable.rows(stages["decoder"])
        if len(decoder) != needed or not needed:
            raise ValueError(
                f"stages.decoder: expected {max(needed, 1)} rows, one less than the backbone's "
                f"{self.features} features and {len(extra)} stages behind it, got {len(decoder)}"
            )
        return StageTable(extra, decoder)

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, C, H, W) -> [(N, num_classes, H, W), ...]; see ``U2Net``."""
        features = list(self.backbone(x))
        behind = self.encode(features[-1], self.features + 1, self.depth)
        return self.fuse(self.sides(self.decode([*features, *behind])), x)


class U2NetPOnBackbone(U2NetOnBackbone):
    """``U2NetOnBackbone`` with the stages of U²-NetP."""

    table = TABLES["U2NetP"]


class U2NetBackbone(Stages):
    """U²-Net's encoder as a backbone of PaddleSeg's: six features at strides 1, 2, 4, 8, 16, 32.

    Args:
        in_channels: channels of the input image.
        stages: other encoder stages, a list of rows of ``StageTable.parse``.
        pretrained: weights of a U²-Net, a file or a name, of which the encoder's are taken; see
            ``weights.pretrained.load_pretrained``.

    Attributes:
        feat_channels: channels of each feature.
    """

    table: StageTable = U2NET

    def __init__(
        self,
        in_channels: int = 3,
        stages: Optional[Sequence[Any]] = None,
        pretrained: Optional[str] = None,
    ) -> None:
        super().__init__()
        rows = self.table.encoder if stages is None else StageTable.rows(stages)
        self.add_encoder(rows, in_channels)
        self.feat_channels = [row.out for row in rows]
        if pretrained is not None:
            from paddleseg_u2net.weights.pretrained import load_pretrained

            load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, in_channels, H, W) -> [(N, C, H / 2^i, W / 2^i) for i in 0 .. 5], fine to coarse."""
        return run(self, self._features, x) if suits(self, x) else self._features(x)

    def _features(self, x: Tensor) -> List[Tensor]:
        return self.encode(x, 1, len(self.feat_channels))


class U2NetPBackbone(U2NetBackbone):
    """``U2NetBackbone`` with the stages of U²-NetP: 64 channels each."""

    table = TABLES["U2NetP"]


ON_BACKBONE = {"U2Net": U2NetOnBackbone, "U2NetP": U2NetPOnBackbone}
ON_BACKBONE.update({alias: ON_BACKBONE[name] for alias, name in ALIASES.items()})
"""What ``model.type`` stands for where ``model.backbone`` is given."""
