"""A file of PaddleSeg's form goes through all commands as it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.inference.description import read_description
from paddleseg_u2net.io.yaml_text import read_yaml_file

FILE = """
batch_size: 2
iters: 3
train_dataset:
  type: Dataset
  dataset_root: {root}
  train_path: data/gone/train_list.txt
  num_classes: 2
  mode: train
  transforms:
    - {{type: ResizeStepScaling, min_scale_factor: 0.5, max_scale_factor: 1.0}}
    - {{type: RandomPaddingCrop, crop_size: [48, 32], category_max_ratio: 0.9}}
    - {{type: RandomHorizontalFlip}}
    - {{type: RandomDistort, brightness_range: 0.5}}
    - {{type: Normalize}}
val_dataset:
  type: Dataset
  dataset_root: {root}
  val_path: data/gone/val_list.txt
  num_classes: 2
  mode: val
  transforms:
    - {{type: ResizeByLong, long_size: 48}}
    - {{type: Padding, target_size: [64, 48]}}
    - {{type: Normalize}}
optimizer: {{type: sgd, momentum: 0.9, weight_decay: 4.0e-5}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.01, end_lr: 0, power: 0.9}}
loss:
  types: [{{type: CrossEntropyLoss}}]
  coef: [1, 1, 1]
test_config: {{auc_roc: True}}
model:
  type: U2Net
  stages: {{encoder: [[3, 2, 4], [2F, 2, 4]], decoder: [[3, 2, 4]]}}
"""


def run(*words):
    assert main(words[0], list(map(str, words[1:]))) == 0


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("paddleseg")
    config = folder / "file.yml"
    config.write_text(FILE.format(root=drawn))
    run("train", "--config", config, "--save_dir", folder / "run", "--do_eval")
    return folder


def grey(folder):
    return {
        path.name: np.asarray(Image.open(path)).astype(int)
        for path in sorted((folder / "saliency").rglob("*.png"))
    }


def test_a_run_saves_our_form_which_scores_the_same(trained):
    best, scores = trained / "run" / "best_model", trained / "scores.json"
    saved = read_yaml_file(best / "config.yaml")
    assert saved["train_dataset"]["type"] == "PairDataset"
    assert saved["train_dataset"]["transforms"][1]["type"] == "CategoryPaddingCrop"
    assert saved["preprocess"]["fit"] == [{"long": 48}, {"pad": [64, 48]}]
    for config in ((), ("--config", trained / "file.yml")):
        run("val", "--model_path", best, "--json", scores, *config)
        assert json.loads(scores.read_text())["mIoU"] == pytest.approx(
            json.loads((best / "state.json").read_text())["scores"]["mIoU"], abs=1e-12
        )


def test_exports_see_what_validation_sees(trained, drawn):
    pytest.importorskip("openvino")
    best, exported = trained / "run" / "best_model", trained / "exported"
    run("export", "--model_path", best, "--save_dir", exported, "--format", "openvino")
    described = read_description(exported).preprocess
    assert described["fit"] == [{"long": 48}, {"pad": [64, 48]}]
    assert described["restore"] == "logits" and described["size"] is None
    for name, model, config in (
        ("own", best, ()),
        ("file", best, ("--config", trained / "file.yml")),
        ("export", exported, ()),
    ):
        run("predict", "--model_path", model, "--image_path", drawn / "val_list.txt",
            "--save_dir", trained / name, "--pictures", "saliency", *config)  # fmt: skip
    own, file, export = (grey(trained / name) for name in ("own", "file", "export"))
    assert own.keys() == file.keys() == export.keys() and len(own) == 4
    for name, map_ in own.items():
        assert map_.shape == (64, 64)
        np.testing.assert_array_equal(map_, file[name])
        assert np.abs(map_ - export[name]).max() <= 1


def test_exports_of_one_size_are_of_that_behind_the_last_step(trained, capsys):
    pytest.importorskip("openvino")
    best, exported = trained / "run" / "best_model", trained / "sized"
    words = ["export", "--model_path", best, "--save_dir", exported, "--format", "openvino"]
    run(*words, "--input_shape", 1, 3, 48, 64)
    assert read_description(exported).shape == (1, 3, 48, 64)
    other = [*map(str, words[1:]), "--input_shape", "1", "3", "32", "32"]
    assert main("export", other) == 1
    said = capsys.readouterr().err
    assert (
        "--input_shape: preprocess.fit (long 48, then pad [64, 48]) does not end at 32x32" in said
    )
