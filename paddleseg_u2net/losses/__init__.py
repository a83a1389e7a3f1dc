"""Losses of U²-Net's seven heads."""

from paddleseg_u2net.losses.deep_supervision import DeepSupervisionLoss, HeadLosses
from paddleseg_u2net.losses.terms import cross_entropy, iou_loss, ssim_loss

__all__ = ["DeepSupervisionLoss", "HeadLosses", "cross_entropy", "iou_loss", "ssim_loss"]
