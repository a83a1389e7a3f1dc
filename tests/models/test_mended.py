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
from paddleseg_u2net.models.deformable import DeformableAttention

OLD = paddle.__version__.startswith("2.")


def randn(*shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return paddle.to_tensor(values.astype("float32"))


def between(features, row, column):
    """(C,): the bilinear value of (C, h, w) at a place in pixels; zeros outside."""
    value = np.zeros(len(features))
    for r in (int(np.floor(row)), int(np.floor(row)) + 1):
        for c in (int(np.floor(column)), int(np.floor(column)) + 1):
            if 0 <= r < features.shape[1] and 0 <= c < features.shape[2]:
                value += (1 - abs(row - r)) * (1 - abs(column - c)) * features[:, r, c]
    return value


def warped(features, flow):
    """Bilinear samples of (C, h, w) at a grid of (H, W) from -1 to 1, moved."""
    channels, h, w = features.shape
    _, height, width = flow.shape
    moved = np.zeros((channels, height, width))
    for i, y in enumerate(np.linspace(-1, 1, height)):
        for j, x in enumerate(np.linspace(-1, 1, width)):
            column = (x + flow[0, i, j] / width + 1) * (w - 1) / 2
            row = (y + flow[1, i, j] / height + 1) * (h - 1) / 2
            moved[:, i, j] = between(features, row, column)
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


def test_deformable_attention_is_its_equation():
    """Zhu et al. 2021, eq. 3, query by query."""
    channels, heads, points, shapes = 8, 2, 3, ((3, 4), (2, 2))
    layer = DeformableAttention(channels, len(shapes), heads, points)
    for number, parameter in enumerate(layer.parameters()):
        parameter.set_value(randn(*parameter.shape, seed=number))
    query, references = randn(2, 5, channels, seed=20), randn(2, 5, 2, 2, seed=21) / 4 + 0.5
    flat = randn(2, 16, channels, seed=22)
    sizes, starts = paddle.to_tensor(shapes), paddle.to_tensor([0, 12])
    found = layer(query, references, flat, sizes, starts).numpy()

    value = layer.value_proj(flat).numpy()
    offsets = layer.sampling_offsets(query).numpy().reshape(2, 5, heads, 2, points, 2)
    weights = np.exp(layer.attention_weights(query).numpy().reshape(2, 5, heads, -1))
    weights = (weights / weights.sum(-1, keepdims=True)).reshape(2, 5, heads, 2, points)
    mixed = np.zeros((2, 5, heads, channels // heads))
    for n, q, head, level, point in np.ndindex(weights.shape):
        height, width = shapes[level]
        maps = value[n, [0, 12][level] :][: height * width].reshape(height, width, heads, -1)
        x, y = references.numpy()[n, q, level] * (width, height) + offsets[n, q, head, level, point]
        sample = between(maps[:, :, head].transpose(2, 0, 1), y - 0.5, x - 0.5)
        mixed[n, q, head] += weights[n, q, head, level, point] * sample
    expected = layer.output_proj(paddle.to_tensor(mixed.reshape(2, 5, -1).astype("float32")))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


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
    "UPerNetViTAdapter": {
        "backbone": {"type": "ViTAdapter", "depth": 2, "embed_dim": 12, "num_heads": 2}
        | {"interaction_indexes": [[0, 0], [1, 1]], "deform_num_heads": 2, "conv_inplane": 4}
        | {"add_vit_feature": False, "pretrained": None},
        "backbone_indices": [0, 1, 2, 3],
        "channels": 8,
        "aux_channels": 8,
    },
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
