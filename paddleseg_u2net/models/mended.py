"""PaddleSeg 2.8.0's networks and backbones that fail by themselves, mended: the same layers and
names of weights, so that published ones fit. Each says what fails; ``MENDED`` what stands for what.

Layers inside a network that PaddleSeg has built get the class that mends them; its own classes stay
as they are.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, Callable, Dict, Tuple, Type

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddleseg.cvlibs import manager
from paddleseg.models import decoupled_segnet, espnetv1, layers, pointrend, sfnet
from paddleseg.models.backbones import cae, vision_transformer, vit_adapter
from paddleseg.models.layers.ms_deformable_attention import MSDeformAttn

from paddleseg_u2net.models.deformable import DeformableAttention


class _Warp:
    """Features moved along a flow; PaddleSeg's divides float32 by int64, which Paddle 3 refuses."""

    def flow_warp(self, features: Tensor, flow: Tensor, size: Tensor) -> Tensor:
        """``features`` (N, C, h, w) at the places of a grid (H, W) moved by ``flow`` (N, 2, H, W),
        x first, in units of ``size``: H and W as a tensor of two whole numbers.
        """
        rows, columns = (paddle.linspace(-1.0, 1.0, size[axis]) for axis in (0, 1))
        y, x = paddle.meshgrid(rows, columns)
        shift = flow.transpose([0, 2, 3, 1]) / size.flip(0).astype(flow.dtype)
        return F.grid_sample(features, paddle.stack([x, y], axis=-1) + shift)


class _AlignedModule(_Warp, sfnet.AlignedModule):
    """Of SFNet."""


class _SqueezeBodyEdge(_Warp, decoupled_segnet.SqueezeBodyEdge):
    """Of DecoupledSegNet."""


class MendedSFNet(sfnet.SFNet):
    """SFNet whose flow is of one dtype."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _mend(self, sfnet.AlignedModule, _AlignedModule)


class MendedDecoupledSegNet(decoupled_segnet.DecoupledSegNet):
    """DecoupledSegNet whose flow is of one dtype."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _mend(self, decoupled_segnet.SqueezeBodyEdge, _SqueezeBodyEdge)


class _PointHead(pointrend.PointHead):
    """PaddleSeg's concatenates int64 with int32 in evaluation."""

    def get_points_test(
        self, seg_logits: Tensor, uncertainty_func: Callable[[Tensor], Tensor]
    ) -> Tuple[Tensor, Tensor]:
        """The most uncertain points: indices (N, P) of pixels row by row, and (x, y) in [0, 1]."""
        uncertainty = uncertainty_func(seg_logits)  # (N, 1, H, W)
        height, width = (paddle.shape(uncertainty)[axis].astype("int64") for axis in (2, 3))
        most = self.subdivision_num_points.astype("int64")
        count = paddle.minimum(height * width, most.reshape([]))
        indices = paddle.topk(uncertainty.flatten(1), count, axis=1)[1]
        x, y = (
            (place.astype("float32") + 0.5) / size.astype("float32")
            for place, size in ((indices % width, width), (indices // width, height))
        )
        return indices, paddle.stack([x, y], axis=-1)


class MendedPointRend(pointrend.PointRend):
    """PointRend that can be evaluated."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _mend(self, pointrend.PointHead, _PointHead)


class MendedESPNetV1(espnetv1.ESPNetV1):
    """ESPNetV1 for 5 classes and more; PaddleSeg's last projection expects 16 + in_channels +
    num_classes channels where 2 * num_classes come, which is the same for 19 classes only.
    """

    def __init__(self, num_classes: int, *args: Any, **kwargs: Any) -> None:
        if num_classes < 5:
            raise ValueError(
                f"num_classes: expected 5 or more, got {num_classes}: this network splits as many "
                "channels as there are classes into five branches; take ESPNetV2"
            )
        super().__init__(num_classes, *args, **kwargs)
        self.out_proj = layers.ConvBNPReLU(2 * num_classes, num_classes, 3, padding="same")


class MendedVisionTransformer(vision_transformer.VisionTransformer):
    """Of LinearSegmenter, MaskSegmenter and SegmentationTransformer; PaddleSeg's cannot be made
    without weights. They are loaded when it is made.
    """

    def init_weight(self) -> None:
        """Keep the random weights."""


class MendedCAE(cae.CAE):
    """Of UPerNetCAE; PaddleSeg's cannot be made without weights, as ``VisionTransformer``."""

    def init_weight(self) -> None:
        """Keep the random weights."""


class MendedViTAdapter(vit_adapter.ViTAdapter):
    """Of UPerNetViTAdapter; PaddleSeg's needs a compiled operator, and ends the process without."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _mend(self, MSDeformAttn, DeformableAttention)


def _mend(network: nn.Layer, broken: Type[nn.Layer], mended: Type[nn.Layer]) -> None:
    for layer in network.sublayers():
        if type(layer) is broken:
            layer.__class__ = mended


def _made_with(function: Any, name: str, mended: Any) -> Any:
    """A copy of a function that calls the class ``name``, and calls the mended one."""
    scope = {**function.__globals__, name: mended}
    copy = FunctionType(function.__code__, scope, f"Mended{function.__name__}")
    copy.__doc__ = f"``{function.__name__}``, made of {mended.__name__}."
    copy.__module__ = __name__
    return copy


MENDED: Dict[str, Any] = {
    "SFNet": MendedSFNet,
    "DecoupledSegNet": MendedDecoupledSegNet,
    "PointRend": MendedPointRend,
    "ESPNetV1": MendedESPNetV1,
    "VisionTransformer": MendedVisionTransformer,
    "CAE": MendedCAE,
    "ViTAdapter": MendedViTAdapter,
}
"""What is built where a configuration names a network or a backbone of PaddleSeg's."""

for _start, _name, _mended in (
    ("ViT_", "VisionTransformer", MendedVisionTransformer),
    ("CAE_", "VisionTransformer", MendedCAE),  # a name that PaddleSeg's module has not
    ("ViTAdapter_", "ViTAdapter", MendedViTAdapter),
):
    MENDED.update(
        {
            key: _made_with(component, _name, _mended)
            for key, component in manager.BACKBONES.components_dict.items()
            if key.startswith(_start)
        }
    )

REFUSED: Dict[str, str] = {
    "MaskFormer": "it gives masks and classes of any number of regions, which only its own loss "
    "and its own targets (GenerateInstanceTargets) take; take UPerNet on the same Swin backbone",
}
"""Networks and backbones that cannot be trained here, and why."""

MULTIPLES: Dict[str, int] = {
    "AttentionUNet": 16,
    "BiseNetV1": 8,
    "DDRNet_23": 8,
    "ESPNetV1": 8,
    "ESPNetV2": 16,
    "TopFormer": 32,
    "UNet3Plus": 16,
    "UNetPlusPlus": 16,
}
"""What width and height of images have to be multiples of: with others these networks stop, or give
maps of another size.
"""


def plain_batchnorm(layer: nn.Layer) -> nn.Layer:
    """``layer`` with BatchNorm2D in the place of each SyncBatchNorm, which has no kernel on a CPU;
    ``trainer.sync_batchnorm`` puts it back.
    """
    if isinstance(layer, nn.SyncBatchNorm):
        plain = nn.BatchNorm2D(
            layer._num_features, layer._momentum, layer._epsilon, data_format=layer._data_format
        )
        for name in ("weight", "bias", "_mean", "_variance"):
            setattr(plain, name, getattr(layer, name))
        return plain
    for name, inner in list(layer.named_children()):
        mended = plain_batchnorm(inner)
        if mended is not inner:
            layer.add_sublayer(name, mended)
    return layer
