"""U²-Net models: logits out, seven in training, the fused one in evaluation."""

from paddleseg_u2net.models.layers import RSU
from paddleseg_u2net.models.u2net import VARIANTS, U2Net, U2NetP

__all__ = ["RSU", "VARIANTS", "U2Net", "U2NetP"]
