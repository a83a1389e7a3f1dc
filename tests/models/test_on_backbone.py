"""U²-Net's decoder on other encoders, and its encoder under other decoders."""

import logging

import numpy as np
import paddle
import pytest
from paddleseg.cvlibs import manager

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.models import U2Net, U2NetP
from paddleseg_u2net.models.backbones import VGG16, ResNet50
from paddleseg_u2net.models.on_backbone import (
    U2NetBackbone,
    U2NetOnBackbone,
    U2NetPBackbone,
    U2NetPOnBackbone,
)
from paddleseg_u2net.training.checkpoint import weights_of
from paddleseg_u2net.weights import write_weights
from paddleseg_u2net.weights.pretrained import load_pretrained

SMALL = {
    "encoder": [[3, 2, 4], ["2F", 3, 6], ["2F", 4, 8]],
    "decoder": [["2F", 2, 6], [3, 2, 4]],
}
HEIGHTS = ("4F", 4, 5, 6, 7)  # of U²-Net's decoder, from the bottom up


def images(side=32, channels=3):
    values = np.random.default_rng(0).standard_normal((2, channels, side, side))
    return paddle.to_tensor(values.astype("float32"))


def heights_of(network):
    """RSU heights of the decoder, from the bottom up."""
    stages = [getattr(network, f"stage{level}d") for level in range(network.depth - 1, 0, -1)]
    return tuple(f"{stage.height}F" if stage.dilated else stage.height for stage in stages)


def test_both_halves_together_are_a_u2net():
    whole = U2Net(num_classes=2, stages=SMALL)
    rows = {"encoder": [], "decoder": SMALL["decoder"]}
    halves = U2NetOnBackbone(U2NetBackbone(stages=SMALL["encoder"]), 2, rows)
    names = {f"backbone.{n}": n for n in U2NetBackbone(stages=SMALL["encoder"]).state_dict()}
    state = whole.state_dict()
    halves.set_state_dict({n: state[names.get(n, n)] for n in halves.state_dict()})
    for network in (whole, halves):
        network.train()
    for ours, theirs in zip(halves(images(30)), whole(images(30))):
        assert float((ours - theirs).abs().max()) < 1e-4  # sums in another order
    full = U2NetPOnBackbone(U2NetPBackbone())  # six features need no further stage
    assert {n.removeprefix("backbone.") for n in full.state_dict()} == set(U2NetP().state_dict())


@pytest.mark.slow
def test_vgg16_is_that_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    layers, channels = [], 3
    for number in (64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"):
        if number == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers += [torch.nn.Conv2d(channels, number, 3, padding=1), torch.nn.ReLU()]
            channels = number
    theirs = torch.nn.ModuleDict({"features": torch.nn.Sequential(*layers)})
    torch.save(theirs.state_dict(), tmp_path / "vgg16.pth")
    ours = VGG16()
    assert load_pretrained(ours, tmp_path / "vgg16.pth") == len(ours.state_dict()) == 26
    assert sum(int(value.size) for value in ours.parameters()) == 14_714_688  # torchvision's
    x, found = torch.from_numpy(images().numpy()), []
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, torch.nn.MaxPool2d):
                found.append(x.numpy())
            x = layer(x)
    for feature, expected, count in zip(ours(images()), found, ours.feat_channels):
        assert feature.shape[1] == count
        np.testing.assert_allclose(feature.numpy(), expected, atol=1e-5)


@pytest.mark.slow
def test_resnet50_is_that_of_paddle():
    theirs, ours = paddle.vision.models.resnet50(num_classes=0, with_pool=False), ResNet50()
    ours.set_state_dict(theirs.state_dict())
    theirs.eval(), ours.eval()
    features = ours(images())
    np.testing.assert_allclose(features[-1].numpy(), theirs(images()).numpy(), atol=1e-5)
    assert [item.shape[1] for item in features] == ours.feat_channels
    assert [item.shape[2] for item in features] == [16, 8, 4, 2, 1]
    assert ResNet50(in_channels=4)(images(channels=4))[0].shape == [2, 64, 16, 16]


@pytest.mark.parametrize(
    ("backbone", "heights"),
    [
        ({"type": "VGG16"}, HEIGHTS),  # the paper's rows
        pytest.param({"type": "ResNet50"}, HEIGHTS, marks=pytest.mark.slow),
        ({"type": "ResNet18_vd", "output_stride": 32}, HEIGHTS[:4]),
    ],
)
def test_decoders_are_the_lower_stages_of_u2nets(tiny, backbone, heights):
    tiny["model"] = {"type": "U2NetP", "num_classes": 2, "backbone": backbone}
    tiny["loss"]["coef"] = [1]
    config = Config(tiny)
    assert not config.is_u2net
    network = config.model()
    assert heights_of(network) == heights
    last = getattr(network, f"stage{network.depth}")
    assert (last.height, last.dilated) == (4, True)
    heads = network(images(64))
    assert [head.shape for head in heads] == [[2, 2, 64, 64]] * (len(heights) + 2)
    sum(head.mean() for head in heads).backward()
    network.eval()
    assert len(network(images(64))) == 1


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            {"stages": {"decoder": [[4, 2, 4]]}},
            r"stages.decoder: expected 5 rows, one less than the",
        ),
        ({"stages": {"depth": 3}}, "stages: expected encoder and decoder, got 'depth'"),
        ({"stages": {"decoder": [[4, 2]]}}, r"stages: expected rows \[height, mid, out\]"),
    ],
)
def test_stages_that_do_not_fit_the_backbone_are_refused(tiny, model, words):
    tiny["model"] = {"type": "U2NetP", "num_classes": 1, "backbone": {"type": "VGG16"}, **model}
    tiny["loss"]["coef"] = [1]
    with pytest.raises(ConfigError, match=words):
        Config(tiny).model()


def test_what_only_u2nets_have_is_refused(tiny):
    tiny["model"] = {"type": "U2Net", "num_classes": 1, "backbone": {"type": "VGG16"}}
    tiny["loss"]["coef"] = [1]
    with pytest.raises(ConfigError, match="expected a U²-Net for this, U2Net on a backbone is"):
        _ = Config(tiny).stages
    tiny["model"]["new_heads"] = True
    with pytest.raises(ConfigError, match=r"model.new_heads: "):
        Config(tiny)


HEADS = {
    "DeepLabV3P": {"backbone_indices": [2, 4]},
    "OCRNet": {"backbone_indices": [4]},
    "PPLiteSeg": {"backbone_indices": [3, 4, 5]},
    "UPerNet": {"backbone_indices": [2, 3, 4, 5], "channels": 16},
}


@pytest.mark.parametrize("name", HEADS)
def test_the_encoder_serves_paddlesegs_decoders(tiny, name):
    backbone = {"type": "U2NetPBackbone"}
    tiny["model"] = {"type": name, "num_classes": 2, "backbone": backbone, **HEADS[name]}
    tiny["loss"]["coef"] = [1]
    network = Config(tiny).model()
    heads = network(images(64))
    sum(head.mean() for head in heads).backward()
    assert network.backbone.stage1.rebnconvin.conv_s1.weight.grad is not None
    network.eval()
    assert network(images(64))[0].shape == [2, 2, 64, 64]


def test_strides_double(tiny):
    backbone = manager.BACKBONES["U2NetPBackbone"](in_channels=1)
    assert [feature.shape[2] for feature in backbone(images(64, 1))] == [64, 32, 16, 8, 4, 2]
    assert backbone.feat_channels == [64] * 6
    assert [row.out for row in U2NetBackbone.table.encoder] == [64, 128, 256, 512, 512, 512]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["u2netp.pth", "u2netp_rembg.onnx"])
def test_published_weights_give_the_encoder_its_features(shared, name):
    file = str(shared / "weights" / name)
    whole, backbone = U2NetP(pretrained=file), U2NetPBackbone(pretrained=file)
    whole.eval(), backbone.eval()
    for ours, theirs in zip(backbone(images(64)), whole.encode(images(64), 1, 6)):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("suffix", [".pdparams", ".pth"])
def test_the_encoder_takes_its_own_of_a_u2nets_weights(tmp_path, suffix, caplog):
    caplog.set_level(logging.INFO)
    whole = U2NetP()
    write_weights(tmp_path / f"u2netp{suffix}", weights_of(whole))
    backbone = U2NetPBackbone(pretrained=str(tmp_path / f"u2netp{suffix}"))
    own, given = backbone.state_dict(), whole.state_dict()
    assert f"{len(own)} of U2NetPBackbone's {len(own)} tensors are loaded" in caplog.text
    assert all((value == given[name]).all() for name, value in own.items())
