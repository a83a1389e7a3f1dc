"""What each loss takes: this project's, and those of PaddleSeg 2.8.0 by their names there."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

_OWN = "Mended"  # before the name of what takes the place of a loss of PaddleSeg's


class Kind(NamedTuple):
    """What a loss takes: heads of a form, how many channels, soft masks or only classes."""

    form: str = "map"
    least: int = 1
    most: int = 256
    soft: bool = False
    any_size: bool = False  # a head may be smaller than its label

    def refuses(self, channels: int) -> str:
        """Why it does not take this many channels; empty if it does."""
        if self.least <= channels <= self.most:
            return ""
        if self.most == 256:
            return f"it takes {self.least} channels or more"
        numbers = " or ".join(map(str, range(self.least, self.most + 1)))
        return f"it takes {numbers} channel{'s' if self.most > 1 else ''}"


# What a head is, by the forms above.
FORMS = {
    "map": "logits of each pixel, as most networks give",
    "edges": "edges of one channel, as STDCSeg gives",
    "pair": "a pair of logits and probabilities of edges, as GSCNN and DecoupledSegNet give",
    "points": "a pair of logits and the points that they are of, as PointRend gives",
    "embedding": "a dictionary of logits and embeddings, as HRNetW48Contrast gives",
    "vector": "one logit for each class and image, as ENCNet and FastFCN give",
    "teacher": "the logits of a second network, its teacher; none can be given to it here",
    "queries": "MaskFormer's queries and masks of instances; none can be given to it here",
}
_CLASSES, _ANY = Kind(least=2), Kind(soft=True)
KINDS: Dict[str, Kind] = {
    "DeepSupervisionLoss": _ANY,
    "MixedLoss": _ANY,  # whatever its losses take
    "CrossEntropyLoss": _CLASSES,
    "BootstrappedCrossEntropyLoss": _CLASSES,
    "OhemCrossEntropyLoss": _CLASSES,
    "BCELoss": _ANY,
    "FocalLoss": Kind(most=2, soft=True),
    "MultiClassFocalLoss": _CLASSES,
    "DiceLoss": _ANY,
    "LovaszSoftmaxLoss": _CLASSES,
    "LovaszHingeLoss": Kind(most=2),
    "L1Loss": _ANY,
    "MSELoss": _ANY,
    "RMILoss": _CLASSES,
    "RelaxBoundaryLoss": _CLASSES,
    "DualTaskLoss": _CLASSES,
    "SemanticConnectivityLoss": _CLASSES,
    "KLLoss": _CLASSES,
    "DetailAggregateLoss": Kind("edges", most=1, any_size=True),
    "EdgeAttentionLoss": Kind("pair", least=2),
    "OhemEdgeAttentionLoss": Kind("pair", least=2),
    "PointCrossEntropyLoss": Kind("points", least=2),
    "PixelContrastCrossEntropyLoss": Kind("embedding", least=2),
    "SECrossEntropyLoss": Kind("vector", least=2),
    "DistillCrossEntropyLoss": Kind("teacher", least=2),
    "MaskFormerLoss": Kind("queries"),
}


def losses_for(forms: Sequence[str], channels: Optional[int]) -> List[str]:
    """PaddleSeg's losses of heads of these forms, and of so many channels if there are any."""
    return [
        name
        for name, kind in KINDS.items()
        if kind.form in forms
        and (channels is None or not kind.refuses(channels))
        and name not in ("DeepSupervisionLoss", "MixedLoss")
    ]


def in_yaml(name: str) -> str:
    """PaddleSeg's name of a loss, also where it is said by the name of this project's own."""
    return name[len(_OWN) :] if name.startswith(_OWN) else name


def name_of(loss: Any) -> str:
    """The name of a loss in YAML."""
    return in_yaml(type(loss).__name__)


def kind_of(loss: Any) -> Optional[Kind]:
    """What a loss takes; None of a plugin's."""
    module = type(loss).__module__
    known = module.startswith(("paddleseg.", "paddleseg_u2net."))
    return KINDS.get(name_of(loss)) if known else None
