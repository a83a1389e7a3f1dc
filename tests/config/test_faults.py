"""All that is wrong in one stage of a configuration is one error, each key with its repair."""

from __future__ import annotations

import copy

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config, ConfigError

# PaddleSeg's configs/u2net/u2netp_cityscapes_1024x512_160k.yml over its base, written out.
PADDLESEG = """
batch_size: 4
iters: 160000
train_dataset:
  type: Cityscapes
  dataset_root: data/cityscapes
  transforms:
    - {type: ResizeStepScaling, min_scale_factor: 0.5, max_scale_factor: 2.0}
    - {type: RandomPaddingCrop, crop_size: [1024, 512]}
    - {type: RandomHorizontalFlip}
    - {type: RandomDistort, brightness_range: 0.4}
    - {type: Normalize}
  mode: train
val_dataset:
  type: Cityscapes
  dataset_root: data/cityscapes
  transforms: [{type: Normalize}]
  mode: val
optimizer: {type: SGD, momentum: 0.9, weight_decay: 4.0e-5}
lr_scheduler: {type: PolynomialDecay, learning_rate: 0.01, end_lr: 0, power: 0.9}
loss:
  types: [{type: CrossEntropyLos}]
  coef: [1, 1, 1, 1, 1, 1, 1]
model: {type: U2Netp, num_classes: 19, pretrained: Null}
"""


def faults(tree, *opts):
    """The lines of the error, without what they begin with."""
    with pytest.raises(ConfigError) as caught:
        Config(tree, opts)
    first, *lines = str(caught.value).split("\n")
    if not lines:
        return [first.partition(": ")[2]]
    assert first.endswith(f": {len(lines)} faults")
    return [line.strip() for line in lines]


def test_all_of_a_stage_is_said_at_once(tmp_path, capsys):
    path = tmp_path / "a.yml"
    # of a class that is nobody's, so that nothing is translated
    path.write_text(PADDLESEG.replace("Cityscapes", "City").replace("{type: Normalize}", "{}"))
    assert main("train", ["--config", str(path), "--save_dir", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    for words in (
        "loss.types.0.type: there is no loss 'CrossEntropyLos'; did you mean CrossEntropyLoss?",
        "train_dataset.type: expected PairDataset",
        "train_dataset.transforms.4.type: there is no None",
        "val_dataset.type: expected PairDataset",
        "val_dataset.transforms: validation sees images as prediction does",
    ):
        assert words in said
    path.write_text(PADDLESEG.replace("CrossEntropyLos}", "CrossEntropyLoss}"))
    Config(path)  # the file as it is has no fault


# Key, a value that is wrong, and how the answer begins.
WRONG = {
    "batch_size": (0, "batch_size: expected a whole number"),
    "itres": (1, "itres: there is no such key; did you mean iters?"),
    "model.type": ("U2Nett", "model.type: there is no 'U2Nett' here; did you mean U2Net?"),
    "model.num_classes": (0, "model.num_classes: expected a whole number from 1 to 256"),
    "preprocess.size": ([0, 1], "preprocess.size: expected two whole numbers"),
    "train_dataset.imagse": ("x", "train_dataset.imagse: there is no such key; did you mean"),
    "train_dataset.val_share": (2, "train_dataset.val_share: expected a share between 0 and 1"),
    "train_dataset.mismatched_masks": ("x", "train_dataset.mismatched_masks: expected error or"),
    "train_dataset.transforms": (
        [{"type": "RandomCrop"}],
        "train_dataset.transforms.0.crop_size: this key is missing; RandomCrop needs it",
    ),
    "val_dataset.mask_values": ("soft!", "val_dataset.mask_values: expected auto, index"),
    "optimizer.type": ("Adan", "optimizer.type: there is no 'Adan'; did you mean Adam?"),
    "lr_scheduler.power": ("x", "lr_scheduler.power: expected a number, got the text 'x'"),
    "loss.coef": ([1, 1], "loss.coef: expected 3 numbers, one for each head of the model"),
    "trainer.freeze": (1, "trainer.freeze: expected a list of layers' names"),
    "test_config.scales": (0, "test_config.scales: expected a positive number"),
    "metrics": (["maxFF"], "metrics: there is no score 'maxFF'; did you mean maxF"),
    "conventions.slack": (-1, "conventions.slack: expected a number"),
}


def spoilt(tiny, keys):
    tree = copy.deepcopy(tiny)
    for key in keys:
        *above, last = key.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = WRONG[key][0]
    return tree


@pytest.mark.parametrize("key", WRONG)
def test_one_fault_is_one_line(tiny, key):
    (line,) = faults(spoilt(tiny, [key]))
    assert line.startswith(WRONG[key][1])


@pytest.mark.parametrize(
    "keys",
    [
        ["batch_size", "itres", "preprocess.size", "trainer.freeze"],
        ["model.type", "optimizer.type", "lr_scheduler.power", "train_dataset.imagse"],
        ["loss.coef", "metrics", "conventions.slack", "train_dataset.val_share"],
    ],
)
def test_faults_of_one_stage_come_together(tiny, keys):
    found = faults(spoilt(tiny, [*keys, "loss.coef"]))
    assert len(found) == len(keys)
    for key in keys:
        assert any(line.startswith(WRONG[key][1]) for line in found)


def test_of_a_long_value_only_the_beginning_is_shown(tiny):
    (line,) = faults({**tiny, "batch_size": [1] * 10_000})
    assert line.startswith("batch_size: expected a whole number") and len(line) <= 1000


def test_sections_that_cannot_be_read_are_told_together(tiny):
    tree = {**tiny, "loss": 5, "optimizer": None, "val_dataset": []}
    del tree["model"], tree["lr_scheduler"]
    keys = sorted(line.split(":")[0] for line in faults(tree))
    assert keys == ["loss", "lr_scheduler", "model", "optimizer", "val_dataset"]


def test_classes_of_the_data_alone_are_missed_in_the_model(tiny):
    tree = copy.deepcopy(tiny)
    del tree["model"]["num_classes"]
    tree["train_dataset"]["num_classes"] = 4
    assert (
        "train_dataset.num_classes: model and loss say 1, this says 4; add model.num_classes: 4"
        in (faults(tree)[0])
    )
