"""Importing this module registers everything with PaddleSeg's component manager; ``U2Net`` and
``U2Netp``, names of PaddleSeg's own older model, then name this project's.
"""

from paddleseg_u2net.env import load_paddle

load_paddle()

from paddleseg.cvlibs import manager

from paddleseg_u2net.architecture import ALIASES
from paddleseg_u2net.datasets.augment import RandomCrop
from paddleseg_u2net.datasets.mended import MENDED as MENDED_TRANSFORMS
from paddleseg_u2net.datasets.pair_dataset import PaddleSegPairDataset
from paddleseg_u2net.losses import MENDED as MENDED_LOSSES
from paddleseg_u2net.losses import DeepSupervisionLoss
from paddleseg_u2net.models import VARIANTS
from paddleseg_u2net.models.backbones import VGG16, ResNet50
from paddleseg_u2net.models.mended import MENDED as MENDED_NETWORKS
from paddleseg_u2net.models.on_backbone import (
    U2NetBackbone,
    U2NetOnBackbone,
    U2NetPBackbone,
    U2NetPOnBackbone,
)
from paddleseg_u2net.registry import register

_STOCK = ("paddleseg.models.u2net",)

for model in VARIANTS.values():
    register(manager.MODELS, model, replaces=_STOCK)
for alias, name in ALIASES.items():
    register(manager.MODELS, VARIANTS[name], name=alias, replaces=_STOCK)
for model in (U2NetOnBackbone, U2NetPOnBackbone):
    register(manager.MODELS, model)
for backbone in (U2NetBackbone, U2NetPBackbone, VGG16, ResNet50):
    register(manager.BACKBONES, backbone)
for name, network in MENDED_NETWORKS.items():
    kind = manager.MODELS if name in manager.MODELS.components_dict else manager.BACKBONES
    register(kind, network, name=f"Mended{name}")
for loss in (DeepSupervisionLoss, *MENDED_LOSSES.values()):
    register(manager.LOSSES, loss)
register(manager.DATASETS, PaddleSegPairDataset, name="PairDataset")
for transform in (RandomCrop, *MENDED_TRANSFORMS):
    register(manager.TRANSFORMS, transform)
