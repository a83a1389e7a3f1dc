"""Losses of U²-Net's seven heads."""

from paddleseg_u2net.losses.deep_supervision import DeepSupervisionLoss, HeadLosses, head_loss
from paddleseg_u2net.losses.terms import cross_entropy, iou_loss, ssim_loss

__all__ = [
    "DeepSupervisionLoss",
    "HeadLosses",
    "cross_entropy",
    "head_loss",
    "iou_loss",
    "ssim_loss",
]
