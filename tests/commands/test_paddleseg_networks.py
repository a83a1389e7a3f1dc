"""PaddleSeg's networks from a file of its form to a file of an engine, as its users go the way."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import Predictor
from paddleseg_u2net.commands import main
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.inference.description import read_description

SMALL = {
    "PPHumanSegLite": ({}, 1),
    "LRASPP": (
        {"backbone": {"type": "MobileNetV3_small_x0_35"}, "backbone_indices": [0, 1, 3]},
        1,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Drawings of three classes in PaddleSeg's layout, and what networks were trained on them."""
    tmp_path = tmp_path_factory.mktemp("paddleseg")
    for number in range(4):
        image, mask = draw_pair(number, size=(80, 96))
        classes = (mask > 127).astype(np.uint8)
        classes[:20] *= 2
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        Image.fromarray(classes).save(tmp_path / f"{number}_mask.png")
    pairs = [f"{number}.png {number}_mask.png\n" for number in range(4)]
    (tmp_path / "train.txt").write_text("".join(pairs))
    (tmp_path / "val.txt").write_text(pairs[3])
    return tmp_path


def trained(folder, name):
    """Two steps, at 64 pixels, once; the folder of the weights."""
    run = folder / name
    if run.exists():
        return run / "iter_2"
    arguments, heads = SMALL[name]
    sizes = [{"type": "Resize", "target_size": [64, 64]}, {"type": "Normalize"}]
    data = {"type": "Dataset", "dataset_root": str(folder), "num_classes": 3, "transforms": sizes}
    tree = {
        "batch_size": 2,
        "iters": 2,
        "train_dataset": {**data, "mode": "train", "train_path": str(folder / "train.txt")},
        "val_dataset": {**data, "mode": "val", "val_path": str(folder / "val.txt")},
        "model": {"type": name, "num_classes": 3, **arguments},
        "loss": {"types": [{"type": "CrossEntropyLoss"}], "coef": [1] * heads},
        "optimizer": {"type": "SGD", "momentum": 0.9},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "power": 0.9},
    }
    (folder / f"{name}.yml").write_text(yaml.safe_dump(tree))
    argv = ["--config", folder / f"{name}.yml", "--save_dir", run]
    assert main("train", [str(word) for word in argv]) == 0
    return run / "iter_2"


def exported(model, format, *more):
    """The folder of an export, made once."""
    target = model.parent / "_".join([format, *map(str, more)])
    argv = ["--model_path", str(model), "--save_dir", str(target), "--format", format]
    assert target.exists() or main("export", [*argv, *more]) == 0
    return target


@pytest.mark.parametrize("format", ["paddle", "onnx"])
@pytest.mark.parametrize("name", SMALL)
def test_train_export_and_predict(folder, name, format):
    if format == "onnx":
        for package in ("paddle2onnx", "onnxruntime"):
            pytest.importorskip(package)
    model = trained(folder, name)
    made = exported(model, format)
    description = read_description(made)
    assert (description.network, description.num_classes) == (name, 3)
    assert description.shape == (None, 3, None, None)
    image = folder / "3.png"
    maps = [Predictor(path)(image) for path in (model, made)]
    assert maps[0].shape == (3, 80, 96) and np.abs(maps[0] - maps[1]).max() < 1e-3
    assert np.allclose(maps[0].sum(0), 1, atol=1e-5)


def test_scores_of_the_export_are_those_of_the_weights(folder):
    model = trained(folder, "PPHumanSegLite")
    made = exported(model, "paddle")
    argv = ["--config", str(folder / "PPHumanSegLite.yml"), "--json", str(folder / "scores.json")]
    scores = []
    for path in (model, made):
        assert main("val", ["--model_path", str(path), *argv]) == 0
        scores.append(json.loads((folder / "scores.json").read_text()))
    assert len(scores[0]["class_iou"]) == 3
    assert scores[0]["mIoU"] == pytest.approx(scores[1]["mIoU"], abs=1e-3)
    assert scores[0]["Acc"] == pytest.approx(scores[1]["Acc"], abs=1e-3)


@pytest.mark.parametrize(
    "flags",
    [
        ["--aug_eval", "--flip_horizontal", "--scales", "0.5", "1.0"],
        ["--is_slide", "--crop_size", "64", "64", "--stride", "32", "32"],
    ],
)
def test_averages_of_the_export_are_those_of_the_layers(folder, flags):
    model = trained(folder, "PPHumanSegLite")
    made = exported(model, "paddle")
    found = []
    for path in (model, made):
        argv = ["--model_path", path, "--image_path", folder / "3.png", "--save_dir", folder / "p"]
        argv += ["--pictures", "pseudo_color_prediction", *flags]
        assert main("predict", [str(word) for word in argv]) == 0
        found.append(np.asarray(Image.open(folder / "p/pseudo_color_prediction/3.png")))
    assert found[0].shape == (80, 96) and (found[0] != found[1]).mean() < 0.01


def test_a_fixed_size_and_class_numbers(folder):
    model = trained(folder, "PPHumanSegLite")
    made = exported(model, "paddle", "--input_shape", "1", "3", "96", "64", "--output_op", "argmax")
    description = read_description(made)
    assert description.make_preprocess().size == (64, 96)
    assert description.make_preprocess().restores == "logits"
    maps = Predictor(made)(folder / "3.png")
    assert set(np.unique(maps)) <= {0.0, 1.0} and maps.shape == (3, 80, 96)
