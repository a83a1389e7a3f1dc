"""Losses: U²-Net's own, and PaddleSeg 2.8.0's on today's Paddle, over the heads of a network."""

from typing import Any, Dict

from paddleseg_u2net.losses.binary import MendedBCELoss, MendedFocalLoss
from paddleseg_u2net.losses.boundary import (
    MendedDetailAggregateLoss,
    MendedDualTaskLoss,
    MendedRelaxBoundaryLoss,
)
from paddleseg_u2net.losses.cross_entropy import (
    MendedBootstrappedCrossEntropyLoss,
    MendedCrossEntropyLoss,
    MendedDistillCrossEntropyLoss,
    MendedPointCrossEntropyLoss,
)
from paddleseg_u2net.losses.heads import DeepSupervisionLoss, HeadLosses
from paddleseg_u2net.losses.images import (
    MendedPixelContrastCrossEntropyLoss,
    MendedSECrossEntropyLoss,
)
from paddleseg_u2net.losses.kinds import KINDS, Kind
from paddleseg_u2net.losses.mixed import MendedKLLoss, MendedMixedLoss
from paddleseg_u2net.losses.ohem import MendedOhemCrossEntropyLoss, MendedOhemEdgeAttentionLoss
from paddleseg_u2net.losses.regions import (
    MendedDiceLoss,
    MendedL1Loss,
    MendedLovaszHingeLoss,
    MendedLovaszSoftmaxLoss,
    MendedMSELoss,
)
from paddleseg_u2net.losses.statistics import MendedRMILoss, MendedSemanticConnectivityLoss
from paddleseg_u2net.losses.terms import cross_entropy, iou_loss, ssim_loss

# What stands for PaddleSeg's loss of a name in YAML, under whose name it is registered itself.
MENDED: Dict[str, Any] = {
    "CrossEntropyLoss": MendedCrossEntropyLoss,
    "DistillCrossEntropyLoss": MendedDistillCrossEntropyLoss,
    "BootstrappedCrossEntropyLoss": MendedBootstrappedCrossEntropyLoss,
    "OhemCrossEntropyLoss": MendedOhemCrossEntropyLoss,
    "OhemEdgeAttentionLoss": MendedOhemEdgeAttentionLoss,
    "PointCrossEntropyLoss": MendedPointCrossEntropyLoss,
    "KLLoss": MendedKLLoss,
    "MixedLoss": MendedMixedLoss,
    "BCELoss": MendedBCELoss,
    "FocalLoss": MendedFocalLoss,
    "DiceLoss": MendedDiceLoss,
    "LovaszSoftmaxLoss": MendedLovaszSoftmaxLoss,
    "LovaszHingeLoss": MendedLovaszHingeLoss,
    "L1Loss": MendedL1Loss,
    "MSELoss": MendedMSELoss,
    "RMILoss": MendedRMILoss,
    "RelaxBoundaryLoss": MendedRelaxBoundaryLoss,
    "DualTaskLoss": MendedDualTaskLoss,
    "SemanticConnectivityLoss": MendedSemanticConnectivityLoss,
    "DetailAggregateLoss": MendedDetailAggregateLoss,
    "SECrossEntropyLoss": MendedSECrossEntropyLoss,
    "PixelContrastCrossEntropyLoss": MendedPixelContrastCrossEntropyLoss,
}

__all__ = [
    "DeepSupervisionLoss",
    "HeadLosses",
    "KINDS",
    "Kind",
    "MENDED",
    "cross_entropy",
    "iou_loss",
    "ssim_loss",
    *(loss.__name__ for loss in MENDED.values()),
]
