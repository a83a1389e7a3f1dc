"""U²-Net and U²-NetP (Qin et al. 2020, "U²-Net: Going deeper with nested U-structure for salient
object detection", arXiv:2005.09007): one body, and a table of stages for each variant.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Type

from paddle import Tensor

from paddleseg_u2net.architecture import TABLES, U2NET, StageTable
from paddleseg_u2net.models.stages import Stages
from paddleseg_u2net.onednn.run import run, suits


class U2Net(Stages):
    """U²-Net: a U of RSUs, a side output at every scale, and their fusion (sec. 3.2, fig. 5).

    Input: (N, in_channels, H, W) floating point, normalised; any H and W of 1 or more.
    Output: a list of logits (no sigmoid, no softmax), each (N, num_classes, H, W). In training
    ``[d0, d1, ..., dn]``: the fused map, then the side outputs from fine to coarse. In evaluation
    ``[d0]``.

    Args:
        num_classes: 1 for a binary task (sigmoid), 2 and more for softmax over classes.
        in_channels: channels of the input image.
        stages: another stage table, as a ``StageTable`` or in the form of ``StageTable.parse``.
        pretrained: weights to start from: a file or a name, see ``weights.load_weights``; with
            another number of classes the heads start anew.
        new_heads: the heads start anew in any case, as suits another task of as many classes.
    """

    table: StageTable = U2NET

    def __init__(
        self,
        num_classes: int = 1,
        in_channels: int = 3,
        stages: Optional[Any] = None,
        pretrained: Optional[str] = None,
        new_heads: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("num_classes", num_classes), ("in_channels", in_channels)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: expected a whole number of 1 or more, got {value!r}")
        self.num_classes, self.in_channels = num_classes, in_channels
        encoder, decoder = self.table if stages is None else StageTable.parse(stages)
        self.add_encoder(encoder, in_channels)
        self.add_decoder([row.out for row in encoder], decoder, num_classes)
        if pretrained is not None:
            from paddleseg_u2net.weights import load_weights

            load_weights(self, pretrained, "new" if new_heads else "fitting")

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, in_channels, H, W) -> [(N, num_classes, H, W), ...]; see the class."""
        on_maps = suits(self, x, without=["outconv"])
        return self.fuse(run(self, self._sides, x) if on_maps else self._sides(x))

    def _sides(self, x: Tensor) -> List[Tensor]:
        return self.sides(self.decode(self.encode(x, 1, self.depth)))


def _variant(name: str, table: StageTable) -> Type[U2Net]:
    words = {"__doc__": f"{name}: ``U2Net`` with its stages.", "__module__": __name__}
    return U2Net if table is U2Net.table else type(name, (U2Net,), {"table": table, **words})


VARIANTS: Dict[str, Type[U2Net]] = {name: _variant(name, table) for name, table in TABLES.items()}
"""A class for each row of ``architecture.TABLES``, by its name."""

U2NetP = VARIANTS["U2NetP"]
"""U²-Net† of the paper: every RSU has 16 channels inside and 64 behind it; 4.7 MB."""
