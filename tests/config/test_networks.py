"""PaddleSeg's networks in ``model``: their components, checked and built."""

import inspect

import numpy as np
import paddle
import pytest
from paddleseg.cvlibs import manager

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.config.signatures import parameters_of, takes_anything
from paddleseg_u2net.weights import write_pickle
from tests.http_server import Server

LITE = {"type": "PPLiteSeg", "num_classes": 2, "backbone": {"type": "STDC1"}}


def of(tiny, **model):
    tiny["model"] = {**LITE, **model}
    tiny["loss"]["coef"] = [1]
    return Config(tiny)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"type": "PPLiteSg"}, "model.type: there is no 'PPLiteSg' here; did you mean PPLiteSeg?"),
        ({"arm_typ": "x"}, "model.arm_typ: there is no such key; did you mean arm_type?"),
        ({"backbone": {"type": "STDC3"}}, "model.backbone.type: there is no 'STDC3'; did you mean"),
        (
            {"backbone": {"type": "STDC1", "relativ_lr": 2}},
            "model.backbone.relativ_lr: there is no such key; did you mean relative_lr?",
        ),
        ({"backbone": {"type": "STDC1", "layers": []}}, "model.backbone.layers: there is no such"),
        (
            {"backbone": {"type": "STDC1", "relative_lr": "1"}},
            "expected a number, got the text '1'",
        ),
        (
            {"backbone": {"type": "STDC1", "pretrained": 1}},
            "model.backbone.pretrained: expected text, or null, got 1",
        ),
        ({"backbone": "STDC1"}, "model.backbone: expected a dictionary with a type, got 'STDC1'"),
        (
            {"in_channels": 1, "backbone": {"type": "STDC1", "in_channels": 4}},
            "model.backbone.in_channels: model.in_channels is 1, this says 4; delete it here",
        ),
    ],
)
def test_faults_are_named_with_the_repair(tiny, model, words):
    with pytest.raises(ConfigError) as error:
        of(tiny, **model)
    assert words in str(error.value)


def test_a_missing_backbone_and_class_count_are_named(tiny):
    tiny["model"] = {"type": "PPLiteSeg"}
    with pytest.raises(ConfigError) as error:
        Config(tiny)
    assert "model.num_classes: this key is missing; PPLiteSeg needs it" in str(error.value)
    assert "model.backbone: this key is missing; PPLiteSeg needs it" in str(error.value)
    tiny["model"] = {"type": "UNet3Plus"}  # whose class has a default of its own
    with pytest.raises(ConfigError, match="model.num_classes: this key is missing"):
        Config(tiny)


def test_heads_of_other_classes_and_layouts_are_refused(tiny):
    heads = {"kernel_update_head_params": {"num_classes": 150}, "kernel_generate_head_params": {}}
    backbone = {"type": "ResNet18_vd", "data_format": "NHWC"}
    tiny["model"] = {"type": "KNet", "num_classes": 2, "backbone": backbone, **heads}
    tiny["model"]["backbone_indices"] = [0, 1, 2, 3]
    with pytest.raises(ConfigError) as error:
        Config(tiny)
    assert "update_head_params.num_classes: model.num_classes is 2, this says" in str(error.value)
    assert "model.backbone.data_format: images come as NCHW here; delete it" in str(error.value)


def test_weights_that_cannot_be_had_are_named_with_the_way_out(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    with Server() as server:
        address = server.address("/dygraph/STDC1.tar.gz")  # answers 404
        config = of(tiny, backbone={"type": "STDC1", "pretrained": address})
        with pytest.raises(ConfigError) as error:
            config.model()
    assert str(error.value).startswith("model.backbone.pretrained: ")
    assert str(error.value).endswith("without: --opts model.backbone.pretrained=null")
    config.model(pretrained=False)  # as for weights that were trained from these
    assert "pretrained" not in config.to_predict()
    other = tmp_path / "other.pdparams"
    write_pickle(other, {"conv.weight": np.ones(3, "float32")})
    with pytest.raises(ConfigError, match="model.pretrained: .*none of its 1 tensors fits PPLite"):
        of(tiny, pretrained=str(other)).model()


def test_weights_of_a_network_and_of_its_backbone_are_loaded(tiny, tmp_path):
    first = of(tiny, num_classes=3).model()
    paddle.save(first.state_dict(), str(tmp_path / "whole.pdparams"))
    paddle.save(first.backbone.state_dict(), str(tmp_path / "backbone.pdparams"))
    given = {f"backbone.{name}": value for name, value in first.backbone.state_dict().items()}
    backbone = {"type": "STDC1", "pretrained": str(tmp_path / "backbone.pdparams")}
    whole = str(tmp_path / "whole.pdparams")
    for model in ({"backbone": backbone}, {"pretrained": whole}):  # of three classes, for two
        state = of(tiny, **model).model().state_dict()
        assert all((state[name] == value).all() for name, value in given.items())


@pytest.mark.parametrize("kind", ["VGG16", "ResNet50"])
def test_our_own_backbones_start_from_weights(tiny, tmp_path, caplog, kind):
    name, shape = {"VGG16": ("features.0.bias", 64), "ResNet50": ("bn1.bias", 64)}[kind]
    write_pickle(tmp_path / "file.pdparams", {name: np.full(shape, 0.5, np.float32)})
    backbone = {"type": kind, "pretrained": str(tmp_path / "file.pdparams")}
    tiny["model"] = {"type": "U2NetP", "backbone": backbone}
    with caplog.at_level("INFO"):
        model = Config(tiny).model()
    assert float(model.state_dict()[f"backbone.{name}"].mean()) == 0.5
    assert "1 of " in caplog.text


def test_a_network_is_built_twice_in_one_process(tiny):
    for _ in range(2):  # PaddleSeg's MobileNetV2 names its parameters
        of(tiny, type="PortraitNet", backbone={"type": "MobileNetV2_x1_0"}).model()


def test_a_network_without_other_channels_says_so(tiny):
    tiny["model"] = {"type": "FCN", "num_classes": 2, "backbone": {"type": "STDC1"}}
    assert Config(tiny, ["model.in_channels=4"]).in_channels == 4
    tiny["model"]["type"], tiny["model"]["backbone"] = (
        "DeepLabV3P",
        {"type": "CAE_small_patch16_224"},
    )
    with pytest.raises(ConfigError, match="DeepLabV3P sees images of 3 channels only, got 4"):
        Config(tiny, ["model.in_channels=4"])


@pytest.mark.parametrize("place", ["model", "backbone"])
def test_channels_reach_the_backbone_wherever_they_stand(tiny, place):
    backbone = {"type": "STDC1", **({"in_channels": 4} if place == "backbone" else {})}
    config = of(tiny, backbone=backbone, **({"in_channels": 4} if place == "model" else {}))
    assert config.in_channels == 4
    assert config.model().backbone.features[0].conv.weight.shape[1] == 4


def test_what_the_class_refuses_is_an_error_of_its_key(tiny):
    config = of(tiny, backbone_indices=[7, 9])
    with pytest.raises(ConfigError, match="model: PPLiteSeg cannot be used like this: Assertion"):
        config.model()
    config = of(tiny, backbone={"type": "STDC1", "block_num": 0})
    with pytest.raises(ConfigError, match=r"model.backbone: STDC1 cannot be used like this: "):
        config.model()


def test_arguments_of_backbones_are_those_of_the_class_inside():
    taken = parameters_of(manager.BACKBONES["STDC1"])
    assert {"relative_lr", "in_channels", "pretrained"} <= set(taken)
    assert not {"base", "layers", "kwargs"} & set(taken)  # which STDC1 sets itself
    swin = parameters_of(manager.BACKBONES["SwinTransformer_tiny_patch4_window7_224"])
    assert "drop_path_rate" in swin
    assert "embed_dim" not in swin
    functions = list(manager.BACKBONES.components_dict.values())
    hidden = [item.__name__ for item in functions if takes_anything(parameters_of(item))]
    # vision transformers pass on, or pass over, what they do not know
    known = ("ViT", "CAE", "VisionTransformer")
    assert all(name.removeprefix("Mended").startswith(known) for name in hidden)
    assert any(takes_anything(inspect.signature(item).parameters) for item in functions)
