"""A configuration as a whole: what is refused, what is shared, and what is built."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.config.reading import read_yaml
from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.inference import Augment, Window
from paddleseg_u2net.losses import DeepSupervisionLoss

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ALL = sorted((CONFIGS / "RGB" / "U2Net").glob("*.yaml"))
SCORED = [path for path in ALL if "train_dataset" not in read_yaml(path)]
SHIPPED = [*(path for path in ALL if path not in SCORED), CONFIGS / "quickstart.yml"]

TREE = {
    "batch_size": 2,
    "iters": 10,
    "model": {"type": "U2NetP", "num_classes": 1},
    "preprocess": {"size": [8, 6]},
    "train_dataset": {
        "type": "PairDataset",
        "images": "images",
        "masks": "masks",
        "transforms": [
            {"type": "Resize", "target_size": [8, 6]},
            {"type": "RandomHorizontalFlip", "prob": 0.5},
        ],
    },
    "val_dataset": {"type": "PairDataset", "images": "images", "masks": "masks"},
    "optimizer": {"type": "Adam", "beta1": 0.9},
    "lr_scheduler": {
        "type": "PolynomialDecay",
        "learning_rate": 0.1,
        "power": 1.0,
        "end_lr": 0,
    },
    "loss": {"types": [{"type": "DeepSupervisionLoss"}], "coef": [1, 1, 1, 1, 1, 1, 1]},
    "trainer": {"accumulate": 1},
    "test_config": {"aug_eval": False},
}


def config(*opts):
    return Config(TREE, opts)


def refused(match, *opts):
    with pytest.raises(ConfigError, match=match):
        config(*opts)


@pytest.mark.parametrize("value", ["5", "text", "{type: Resize}", "[5]", "[[]]", "[{}]"])
def test_transforms_that_are_no_components_are_refused(value):
    refused("^configuration: train_dataset.transforms", f"train_dataset.transforms={value}")


def test_the_dictionary_given_is_not_changed():
    tree = copy.deepcopy(TREE)
    Config(tree, ["model.num_classes=2", "batch_size=5"])
    assert tree == TREE


def test_data_sets_know_the_model_and_the_loss(tiny):
    opts = ["model.num_classes=3", "model.in_channels=4", "loss.types.0.ignore_index=9"]
    opts += ["train_dataset.mask_values=index", "val_dataset.mask_values=index"]
    changed = Config(tiny, opts)
    for part in ("train", "val"):
        dataset = changed.dataset(part)
        assert (dataset.num_classes, dataset.img_channels, dataset.ignore_index) == (3, 4, 9)
        assert dataset.mode == part


@pytest.mark.parametrize("section", ["train_dataset", "val_dataset"])
@pytest.mark.parametrize(("key", "model_says"), [("num_classes", 1), ("img_channels", 3)])
def test_a_data_set_unlike_the_model_is_refused(section, key, model_says):
    refused(f"{section}.{key}: model and loss say {model_says}, this says 7", f"{section}.{key}=7")
    config(f"{section}.{key}={model_says}")


def test_without_transforms_training_images_are_resized(tiny):
    del tiny["train_dataset"]["transforms"]
    image, label = Config(tiny, ["preprocess.size=8,6"]).dataset("train").augmented(0, (0,))
    assert image.shape == (6, 8, 3) and label.shape == (6, 8)
    image, _ = Config(tiny, ["preprocess.size=null"]).dataset("train").augmented(0, (0,))
    assert image.shape == (64, 64, 3)


def test_coefficients_become_the_weights_of_the_heads():
    changed = config("loss.coef=7,6,5,4,3,2,1", "loss.types.0.iou=0.5")
    criterion = changed.criterion()
    assert isinstance(criterion, DeepSupervisionLoss)
    assert criterion.weights == [7, 6, 5, 4, 3, 2, 1]
    assert (criterion.iou, criterion.ignore_index) == (0.5, 255)


# What a section says wrong, by the `--opts` that say it.
REFUSED = [
    ("loss.coef: heads are weighted by types.0.weights already", "loss.types.0.weights=1,2"),
    (
        "val_dataset.ignore_index: model and loss say 9, this says 255",
        "loss.types.0.ignore_index=9",
        "val_dataset.ignore_index=255",
    ),
    (r"0\.weights: expected 7 numbers", "loss.coef=[1]", "loss.types.0.weights=[1, 2]"),
    (
        "^configuration: preprocess: expected .* 1 numbers each",
        "model.in_channels=1",
        "preprocess.mean=0.1,0.2,0.3",
    ),
    (
        "preprocess.type: official stretches the map of one class",
        "model.num_classes=2",
        "preprocess.type=official",
    ),
    (
        r"preprocess\.type: there is no 'rembg'; known: paddleseg, official, zoo",
        "preprocess.type=rembg",
    ),
    ("test_config.stride: is_slide needs it", "test_config.is_slide=True",
     "test_config.crop_size=8,6", "test_config.stride=null"),
    ("test_config.crop_size: is_slide needs it", "test_config.is_slide=True",
     "test_config.stride=8,6"),
    ("stride", "test_config.is_slide=True", "test_config.crop_size=8,6", "test_config.stride=4,7"),
    (
        "trainer.best_metric: maxF: this score is for one or two classes",
        "model.num_classes=3",
        "trainer.best_metric=maxF",
    ),
    ("trainer.best_metric: saliency stands for several scores", "trainer.best_metric=saliency"),
    ("metrics: MAE: this score is for one or two", "model.num_classes=3", "metrics=[MAE]"),
    (
        "conventions.preset: expected one of paper, pysodmetrics, matlab, got 'mat'",
        "conventions.preset=mat",
    ),
    ("conventions.*there is no strech; there are", "conventions.strech=none"),
    ("conventions.mask_above: .* said by the data set", "conventions.mask_above=3"),
    (r"model\.pretrained: expected text, or null, got 123", "model.pretrained=123"),
    (r"model\.new_heads: expected true or false, got 5", "model.new_heads=5"),
    (r"model\.new_heads: without model\.pretrained", "model.new_heads=true"),
    (r"model\.in_channels: expected 1, 3 or 4, got 2", "model.in_channels=2"),
    (r"custom_cfg: expected a list such as", "optimizer.custom_cfg=[stage1]"),
    (r"custom_cfg\.0\.lr_mul: .* lr_mult", "optimizer.custom_cfg=[{name: a, lr_mul: 1}]"),
    (r"custom_cfg\.0\.name: this key is missing", "optimizer.custom_cfg=[{lr_mult: 1}]"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: "-".join(case[1:]))
def test_what_is_wrong_is_refused_with_the_repair(case):
    refused(*case)


def test_preprocess_is_built_of_its_keys():
    built = config("preprocess.size=10,12", "preprocess.mean=0.1,0.2,0.3").preprocess()
    assert built.size == (10, 12) and built.mean == (0.1, 0.2, 0.3)
    assert config("model.in_channels=1").preprocess().mean == (0.5,)


def test_augmentation_is_built_only_if_it_is_asked_for():
    keys = ["test_config.scales=0.75,1.0", "test_config.flip_horizontal=True"]
    assert config(*keys).augment() is None
    assert config(*keys, "test_config.aug_eval=True").augment() == Augment((0.75, 1.0), True, False)
    assert config("test_config.aug_eval=True", "test_config.scales=2").augment() == Augment((2.0,))
    assert config("test_config.aug_eval=True").augment() == Augment()


def test_windows_are_built_only_if_they_are_asked_for():
    keys = ["test_config.crop_size=8,6", "test_config.stride=4,3"]
    assert config(*keys).window() is None
    assert config(*keys, "test_config.is_slide=True").window() == Window((8, 6), (4, 3))


def rates(schedule, steps):
    found = []
    for _ in range(steps):
        found.append(schedule.get_lr())
        schedule.step()
    return found


def test_the_schedule_falls_to_its_end_over_all_steps():
    expected = [0.1 * (1 - step / 10) for step in range(11)]
    assert rates(config().lr_schedule(), 11) == pytest.approx(expected)


def test_the_schedule_warms_up():
    changed = config("lr_scheduler.warmup_iters=2", "lr_scheduler.warmup_start_lr=0.02")
    assert rates(changed.lr_schedule(), 4) == pytest.approx([0.02, 0.06, 0.1, 0.1 * 7 / 8])


@pytest.mark.parametrize(
    "opts",
    [
        ["train_dataset.mask_values={0: 0, 38: 1}"],
        ["lr_scheduler.learning_rate=1e-7", "preprocess.mean=(0.1, 0.2, 0.3)"],
        ["train_dataset.dataset_root='daten/grün: 1 # x'", "val_dataset.dataset_root='1e3'"],
        ["preprocess.size=null"],
    ],
)
def test_the_text_of_a_configuration_reads_back(tmp_path, opts):
    written = config(*opts)
    path = tmp_path / "again.yml"
    path.write_text(str(written), encoding="utf-8")
    assert str(Config(path)) == str(written) and read_yaml(path)["model"] == TREE["model"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_configuration_builds_all_but_data(path, tmp_path):
    shipped = Config(path)
    size = shipped.preprocess().size
    assert size and min(size) >= 32
    assert len(shipped.criterion().weights) == len(shipped.stages.encoder) + 1
    block = read_yaml(path)["lr_scheduler"]
    first = block.get("warmup_start_lr", block["learning_rate"])
    assert shipped.lr_schedule().get_lr() == first
    assert shipped.augment() is None and shipped.window() is None
    # A batch of training is of one size, as large as what validation sees or a crop of it.
    transforms = shipped.dataset_settings("train").transforms
    sizes = [item.get("crop_size") or item.get("target_size") for item in transforms]
    trained = [size for size in sizes if size][-1]
    assert trained[0] <= size[0] and trained[1] <= size[1]
    (tmp_path / "again.yml").write_text(str(shipped), encoding="utf-8")
    assert str(Config(tmp_path / "again.yml")) == str(shipped)


def test_a_report_has_what_is_asked_for():
    one = config("metrics=[MAE, relaxF]", "conventions.preset=pysodmetrics")
    assert [score.key for score in one.report().scores] == ["MAE", "relaxF"]
    assert [score.key for score in one.report(["S"]).scores] == ["MAE", "S", "relaxF"]
    assert one.report().conventions.mae_stretch == "minmax"
    families = {score.family for score in config().report().scores}
    assert families == {"segmentation", "saliency"}
    assert config().report().conventions.title == "paper"


def test_a_model_alone_is_enough_to_predict():
    alone = {"model": {"type": "U2NetP", "num_classes": 1}}
    built = Config(alone, training=False)
    assert (built.num_classes, built.in_channels, built.ignore_index) == (1, 3, 255)
    assert built.preprocess().type == "paddleseg"
    with pytest.raises(ConfigError, match="batch_size: this key is missing; training needs it"):
        Config(alone)
    with pytest.raises(ConfigError, match="model: this key is missing; every configuration"):
        Config({}, training=False)
    with pytest.raises(ConfigError, match="val_dataset: this key is missing"):
        built.dataset("val")


@pytest.mark.parametrize("path", SCORED, ids=lambda path: path.name)
def test_a_shipped_configuration_for_scoring_only(path):
    shipped = Config(path, training=False)
    assert shipped.preprocess().type == "official"
    name = shipped.dataset_settings("val").name
    assert path.stem.endswith(f"_{name}") and set(TABLE[name].splits) == {"val"}


def test_another_type_of_preprocessing_keeps_the_size(tmp_path):
    base = CONFIGS / "RGB" / "U2Net" / "u2netp_ecssd.yaml"
    (tmp_path / "c.yaml").write_text(f"_base_: {base}\npreprocess: {{type: zoo}}\n")
    found = Config(tmp_path / "c.yaml", training=False).preprocess()
    assert (found.type, found.size) == ("zoo", (320, 320))
