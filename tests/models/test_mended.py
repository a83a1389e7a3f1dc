"""PaddleSeg's networks that fail by themselves, mended: against numpy, or PaddleSeg's own."""

import logging

import numpy as np
import paddle
import pytest
from paddle import nn
from paddleseg.cvlibs import SegBuilder, manager
from paddleseg.models import decoupled_segnet, espnetv1, pointrend, sfnet

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.models import mended

OLD = paddle.__version__.startswith("2.")


def randn(*shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return paddle.to_tensor(values.astype("float32"))


def warped(features, flow):
    """Bilinear samples of (C, h, w) at a grid of (H, W) from -1 to 1, moved; zeros outside."""
    channels, h, w = features.shape
    _, height, width = flow.shape
    moved = np.zeros((channels, height, width))
    for i, y in enumerate(np.linspace(-1, 1, height)):
        for j, x in enumerate(np.linspace(-1, 1, width)):
            column = (x + flow[0, i, j] / width + 1) * (w - 1) / 2
            row = (y + flow[1, i, j] / height + 1) * (h - 1) / 2
            for r in (int(np.floor(row)), int(np.floor(row)) + 1):
                for c in (int(np.floor(column)), int(np.floor(column)) + 1):
                    if 0 <= r < h and 0 <= c < w:
                        share = (1 - abs(row - r)) * (1 - abs(column - c))
                        moved[:, i, j] += share * features[:, r, c]
    return moved


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        (sfnet.AlignedModule, mended._AlignedModule),
        (decoupled_segnet.SqueezeBodyEdge, mended._SqueezeBodyEdge),
    ],
)
def test_features_move_along_a_flow(broken, whole):
    features, flow = randn(2, 3, 5, 4), 2 * randn(2, 2, 7, 6, seed=1)
    size = paddle.shape(flow)[2:]
    found = whole.flow_warp(whole(4, 4), features, flow, size)
    expected = [warped(*pair) for pair in zip(features.numpy(), flow.numpy())]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    if OLD:
        theirs = broken.flow_warp(broken(4, 4), features, flow, size)
        np.testing.assert_allclose(found.numpy(), theirs.numpy(), atol=1e-6)


def test_the_most_uncertain_points_are_found():
    head = mended._PointHead(num_classes=2, in_channels=[4], out_channels=4)
    logits = randn(2, 2, 5, 7)
    for count in (6, 99):  # 99: more than there are
        head.subdivision_num_points = paddle.to_tensor(count, dtype="int32")
        indices, points = head.get_points_test(logits, pointrend.calculate_uncertainty)
        margin = (logits[:, 0] - logits[:, 1]).abs().numpy().reshape(2, -1)
        expected = np.argsort(margin, axis=1, kind="stable")[:, :count]
        assert (indices.numpy() == expected).all()
        x, y = (expected % 7 + 0.5) / 7, (expected // 7 + 0.5) / 5
        np.testing.assert_allclose(points.numpy(), np.stack([x, y], -1), rtol=1e-6)


RESNET = {"type": "ResNet18_vd"}
NETWORKS = {
    "SFNet": {"backbone": RESNET, "backbone_indices": [0, 1, 2, 3]},
    "DecoupledSegNet": {"backbone": RESNET},
    "PointRend": {
        "backbone": RESNET,
        "backbone_indices": [0, 1, 2, 3],
        "fpn_inplanes": [64, 128, 256, 512],
        "point_num_points": 16,
    },
    "LinearSegmenter": {
        "backbone": {"type": "VisionTransformer", "depth": 1, "embed_dim": 12, "img_size": 64}
    },
    "ESPNetV1": {"num_classes": 5},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_train_and_are_evaluated(tiny, name, caplog):
    caplog.set_level(logging.INFO)
    tiny["model"] = {"type": name, "num_classes": 3, **NETWORKS[name]}
    tiny["loss"]["coef"] = [1]
    network = Config(tiny).model()
    classes = tiny["model"]["num_classes"]
    images = randn(2, 3, 64, 64)
    heads = network(images)
    assert heads[0].shape == [2, classes, 64, 64]
    heads[0].mean().backward()
    network.eval()
    assert network(images)[0].shape == [2, classes, 64, 64]
    if name in mended.MENDED:
        theirs = SegBuilder(None).build_component(tiny["model"])  # its weights fit
        assert type(theirs).__module__.startswith("paddleseg.models")
        known = {key: value.shape for key, value in theirs.state_dict().items()}
        other = {key for key, value in network.state_dict().items() if known[key] != value.shape}
        assert other <= {"out_proj._conv.weight"}


def test_espnet_of_nineteen_classes_is_paddlesegs():
    theirs, ours = espnetv1.ESPNetV1(19), mended.MendedESPNetV1(19)
    ours.set_state_dict(theirs.state_dict())
    theirs.eval(), ours.eval()
    images = randn(1, 3, 32, 32)
    np.testing.assert_allclose(ours(images)[0].numpy(), theirs(images)[0].numpy(), atol=1e-6)


def test_what_cannot_be_had_is_said(tiny):
    tiny["model"] = {"type": "ESPNetV1", "num_classes": 2}
    with pytest.raises(ConfigError, match="num_classes: expected 5 or more, got 2: .* ESPNetV2"):
        Config(tiny).model()
    tiny["model"] = {"type": "MaskFormer", "num_classes": 2, "backbone": RESNET}
    with pytest.raises(ConfigError, match="MaskFormer cannot be trained here: it gives masks and"):
        Config(tiny)


def test_functions_make_the_mended_transformer():
    function = mended.MENDED["ViT_large_patch16_384"]
    assert function.__globals__["VisionTransformer"] is mended.MendedVisionTransformer
    assert manager.BACKBONES["MendedViT_large_patch16_384"] is function
    theirs = manager.BACKBONES["ViT_large_patch16_384"]
    assert theirs.__globals__["VisionTransformer"] is not mended.MendedVisionTransformer


def test_batchnorms_of_several_processes_become_plain_ones():
    network = nn.Sequential(nn.Conv2D(3, 4, 1), nn.Sequential(nn.SyncBatchNorm(4)))
    names = list(network.state_dict())
    network.state_dict()["1.0._mean"].set_value(randn(4))
    mean = network.state_dict()["1.0._mean"].numpy()
    plain = mended.plain_batchnorm(network)
    assert type(plain[1][0]) is nn.BatchNorm2D
    assert list(plain.state_dict()) == names
    plain.eval()
    images = randn(2, 3, 4, 4)
    expected = (plain[0](images).numpy() - mean[:, None, None]) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(plain(images).numpy(), expected, atol=1e-5)
