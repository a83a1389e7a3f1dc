"""PaddleSeg's networks in ``model``: their components, checked and built."""

import inspect

import pytest
from paddleseg.cvlibs import manager

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.config.signatures import parameters_of, takes_anything

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
