"""Set-ups that were spoilt in one way each: the doctor names that one, and no other."""

import cv2
import numpy as np
import paddle
import pytest
from paddleseg.cvlibs import manager

from paddleseg_u2net.config import Config
from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.training.diagnosis.finding import ERROR
from tests.training.diagnosis.conftest import QUICK, SIDE, examined, names


def test_a_good_set_up_is_found_good(pairs):
    assert examined(pairs.config(), *QUICK) == []
    assert examined(pairs.config(side=32), "learning_rate", "overfit") == []


def test_masks_whose_255_is_ignored(pairs):
    found = examined(pairs.config(mask_values="index"), *QUICK[:3])
    assert names(found) == {"masks_ignored"}
    assert found[0].severity == ERROR and "mask_values: binary" in found[0].yaml
    # the lines that are proposed mend it
    assert examined(pairs.config(mask_values="binary"), *QUICK) == []


def test_masks_of_other_images(pairs):
    pairs.masks = pairs.masks[1:] + pairs.masks[:1]
    found = examined(pairs.config(), *QUICK)
    assert names(found) == {"pairs_mismatched"} and found[0].severity == ERROR


def test_mirrored_masks(pairs):
    pairs.masks = [np.ascontiguousarray(mask[:, ::-1]) for mask in pairs.masks]
    found = examined(pairs.config(), *QUICK)
    assert names(found) == {"masks_turned"} and "mirrored" in found[0].message


def test_images_and_masks_exchanged(pairs):
    masks = [image[..., 1] for image in pairs.images]
    pairs.images = [np.repeat(mask[..., None], 3, axis=2) for mask in pairs.masks]
    pairs.masks = masks
    found = examined(pairs.config(mask_values="soft"), "pairing")
    assert names(found) == {"images_and_masks_exchanged"}


def test_inverted_masks(pairs):
    found = examined(pairs.config(mask_values={0: 1, 255: 0}), *QUICK)
    assert names(found) == {"masks_inverted"} and "likely" in found[0].certainty


@manager.TRANSFORMS.add_component
class SmoothResize:
    """Resizes the mask as it resizes the image."""

    def __call__(self, data):
        for key in ("img", "label"):
            data[key] = cv2.resize(data[key], (SIDE // 2, SIDE // 2))
        return data


def test_labels_that_a_transform_interpolates(pairs):
    transforms = [{"type": "SmoothResize"}]
    assert names(examined(pairs.config(transforms=transforms), *QUICK)) == {"labels_interpolated"}


def test_class_numbers_that_were_interpolated_on_disk(pairs):
    # classes 0 and 3 only, but for the lines between them that a smooth enlargement leaves
    pairs.masks = [_enlarged(np.where(mask > 0, 3, 0).astype(np.uint8)) for mask in pairs.masks]
    assert set(np.unique(np.stack(pairs.masks))) == {0, 1, 2, 3}
    config = pairs.config(mask_values="index")
    config["model"]["num_classes"] = 4
    found = examined(config, "labels", "pairing")
    assert names(found) == {"labels_interpolated"} and "thin lines" in found[0].message


def test_masks_that_were_interpolated_on_disk(pairs):
    pairs.masks = [_enlarged(mask) for mask in pairs.masks]
    found = examined(pairs.config(), *QUICK)
    assert names(found) == {"labels_interpolated"} and "soft" in found[0].message
    assert examined(pairs.config(mask_values="soft"), *QUICK) == []  # it is meant so


def _enlarged(mask: np.ndarray) -> np.ndarray:
    small = cv2.resize(mask, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("factor, name", [(100, "rate_too_high"), (0.01, "rate_too_low")])
def test_learning_rates_a_hundred_times_off(pairs, factor, name):
    config = pairs.config(side=32)
    config["lr_scheduler"]["learning_rate"] = 0.005 * factor
    found = examined(config, "learning_rate")
    assert names(found) == {name} and "learning_rate: " in found[0].yaml


def test_means_of_255_and_values_of_1(pairs):
    config = pairs.config()
    config["preprocess"].update(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    found = examined(config, *QUICK)
    assert names(found) == {"normalisation"} and "0 to 255" in found[0].message
    config["preprocess"].update(mean=[0.0, 0.0, 0.0], std=[0.0039, 0.0039, 0.0039])
    assert names(examined(config, *QUICK)) == {"normalisation"}


@manager.TRANSFORMS.add_component
class ToUnit:
    """Normalises what will be normalised once more."""

    def __call__(self, data):
        data["img"] = data["img"].astype("float32") / 255
        return data


def test_images_that_are_normalised_twice(pairs):
    found = examined(pairs.config(transforms=[{"type": "ToUnit"}]), *QUICK[:3])
    assert names(found) & {"normalisation", "images_constant"}


def test_frozen_heads(pairs):
    config = pairs.config()
    config["trainer"] = {"freeze": ["side1", "side2", "outconv"]}
    found = examined(config, *QUICK)
    assert names(found) == {"heads_frozen"}
    assert "outconv" in found[0].message and "freeze: []" in found[0].yaml


def test_random_layers_frozen(pairs):
    config = pairs.config()
    config["trainer"] = {"freeze": ["stage1"]}
    assert names(examined(config, *QUICK)) == {"random_layers_frozen"}


@pytest.mark.parametrize("value", [0, 255])
def test_masks_of_one_class(pairs, value):
    pairs.masks = [np.full_like(mask, value) for mask in pairs.masks]
    found = examined(pairs.config(mask_values="binary"), *QUICK)
    assert names(found) == {"one_class"} and found[0].severity == ERROR


@manager.MODELS.add_component
class WithSigmoid(U2Net):
    """Gives probabilities, which the loss takes for logits."""

    def forward(self, x):
        return [paddle.nn.functional.sigmoid(head) for head in super().forward(x)]


def test_a_sigmoid_that_is_applied_twice(pairs):
    config = pairs.config()
    config["model"]["type"] = "WithSigmoid"
    found = examined(config, *QUICK)
    assert names(found) == {"sigmoid_twice"}
    assert ".313" in found[0].message or "cannot fall" in found[0].message


@manager.LOSSES.add_component
class OfProbabilities(paddle.nn.Layer):
    """Cross-entropy of probabilities."""

    def forward(self, probability, label):
        p = probability[:, 0].clip(1e-6, 1 - 1e-6)
        return -(label * p.log() + (1 - label) * (1 - p).log()).mean()


def test_a_loss_that_wants_probabilities(pairs):
    config = pairs.config()
    config["loss"]["types"] = [{"type": "OfProbabilities"}]
    assert "loss_wants_probabilities" in names(examined(config, "outputs"))
    # with the network that gives them, the two agree
    config["model"]["type"] = "WithSigmoid"
    assert names(examined(config, "outputs")) == set()


def test_one_percent_of_foreground(pairs):
    for number, (image, mask) in enumerate(zip(pairs.images, pairs.masks)):
        mask[:] = 0
        place = 12 + 3 * number, 40 - 2 * number
        cv2.circle(mask, place, 3, 255, -1)
        image[mask > 0] = 255
    assert 0.005 < np.mean(np.stack(pairs.masks) > 0) < 0.012
    found = examined(pairs.config(), *QUICK)
    assert names(found) == {"little_foreground"} and "iou: 1.0" in found[0].yaml


@manager.TRANSFORMS.add_component
class ToBGR:
    """Exchanges red and blue."""

    def __call__(self, data):
        data["img"] = data["img"][..., ::-1]
        return data


def test_channels_that_are_shuffled_in_training(pairs):
    found = examined(pairs.config(transforms=[{"type": "ToBGR"}]), *QUICK)
    assert names(found) == {"channels_shuffled"} and "[2, 1, 0]" in found[0].message


def test_images_of_one_colour(pairs):
    pairs.images = [np.full_like(image, 90) for image in pairs.images]
    found = examined(pairs.config(), "labels", "preprocessing")
    assert names(found) == {"images_constant"} and found[0].severity == ERROR


def test_one_image_again_and_again(pairs):
    pairs.images = [pairs.images[0]] * len(pairs.images)
    assert "images_constant" in names(examined(pairs.config(), "preprocessing"))


@manager.TRANSFORMS.add_component
class FlipImageAlone:
    """Forgets the mask."""

    def __call__(self, data):
        data["img"] = np.ascontiguousarray(data["img"][:, ::-1])
        return data


def test_a_transform_that_forgets_the_mask(pairs):
    found = examined(pairs.config(transforms=[{"type": "FlipImageAlone"}]), *QUICK)
    assert names(found) == {"labels_moved"}


def test_what_the_configuration_says_is_what_was_written(pairs):
    pairs.config()
    assert set(np.unique(read_mask(pairs.folder / "masks/0.png"))) == {0, 255}


def test_validation_that_is_unlike_training(pairs):
    config = pairs.config(mask_values="binary")
    config["val_dataset"] = {**config["train_dataset"], "transforms": None, "val_path": None}
    del config["val_dataset"]["train_path"], config["val_dataset"]["transforms"]
    config["val_dataset"]["val_path"] = "train_list.txt"
    config["val_dataset"]["mask_values"] = "index"
    found = examined(config, "labels", "validation")
    assert names(found) == {"validation_of_one_class", "validation_trained_on"}
    config["val_dataset"]["val_path"] = "none.txt"
    assert names(examined(config, "labels", "validation")) == {"validation_unreadable"}


def test_little_foreground_is_the_losses_matter(pairs):
    for mask in pairs.masks:
        mask[:] = 0
        mask[30:34, 30:34] = 255
    config = pairs.config()
    config["model"]["num_classes"] = 2
    for types, told in (
        ([{"type": "CrossEntropyLoss"}], "weight: auto"),
        ([{"type": "CrossEntropyLoss", "weight": [0.5, 9.0]}], ""),
        ([{"type": "LovaszSoftmaxLoss"}], ""),
    ):
        config["loss"] = {"types": types, "coef": [1]}
        (found,) = examined(config, "labels")
        assert found.name == "little_foreground" and told in found.yaml
        assert found.severity == ("warning" if told else "note")


def test_pretrained_layers_may_be_frozen(pairs, tmp_path):
    config = pairs.config()
    paddle.save(Config(config).model().state_dict(), str(tmp_path / "model.pdparams"))
    config["model"]["pretrained"] = str(tmp_path / "model.pdparams")
    config["trainer"] = {"freeze": ["stage1"]}
    assert examined(config, "outputs", "gradients") == []
