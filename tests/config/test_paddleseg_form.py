"""Files of PaddleSeg's form: what is made of their keys, and what they are refused for."""

from __future__ import annotations

import copy
import logging

import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)

# isort: split
from paddleseg.cvlibs.config import parse_from_yaml

from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.config.paddleseg import is_paddleseg, settings_tree, translate
from paddleseg_u2net.config.reading import dump, read_yaml
from paddleseg_u2net.io.yaml_text import load_yaml

NORMALIZE = {"type": "Normalize", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}


def tree(**changes):
    """A file of PaddleSeg's form; ``train_mode`` changes a key of train_dataset, and so on."""
    made = {
        "batch_size": 2,
        "iters": 4,
        "train_dataset": {
            "type": "OpticDiscSeg",
            "dataset_root": "data",
            "mode": "train",
            "transforms": [{"type": "RandomHorizontalFlip"}, NORMALIZE],
        },
        "val_dataset": {
            "type": "OpticDiscSeg",
            "dataset_root": "data",
            "mode": "val",
            "transforms": [NORMALIZE],
        },
        "optimizer": {"type": "sgd", "momentum": 0.9, "weight_decay": 4.0e-5},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "power": 0.9},
        "loss": {"types": [{"type": "DeepSupervisionLoss"}], "coef": [1] * 7},
        "model": {"type": "U2NetP"},
    }
    made = copy.deepcopy(made)
    for key, value in changes.items():
        part, _, own = key.partition("_")
        if part in ("train", "val"):
            made[f"{part}_dataset"][own] = value
        else:
            made[key] = value
    return made


def refused(match, **changes):
    with pytest.raises(ConfigError, match=match):
        translate(tree(**changes))


def test_the_whole_of_a_file():
    before = tree()
    made = translate(before)
    assert before == tree()  # it is not changed
    assert made["train_dataset"] == {
        "type": "PairDataset",
        "name": "optic_disc_seg",
        "dataset_root": "data",
        "train_path": "train_list.txt",
        "num_classes": 2,
        "transforms": [{"type": "RandomHorizontalFlip"}],
    }
    assert made["val_dataset"] == {
        "type": "PairDataset",
        "name": "optic_disc_seg",
        "dataset_root": "data",
        "val_path": "val_list.txt",
        "num_classes": 2,
    }
    assert made["preprocess"] == {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    assert made["model"] == {"type": "U2NetP", "num_classes": 2}
    assert not is_paddleseg(made) and translate(made) is made
    Config(made)


def test_it_says_what_it_made_of_what(caplog):
    caplog.set_level(logging.INFO)
    Config(tree())
    (said,) = [record.message for record in caplog.records if "PaddleSeg's form" in record.message]
    assert "Normalize -> preprocess.mean [0.1, 0.2, 0.3], std [0.4, 0.5, 0.6]" in said
    assert "train_dataset: OpticDiscSeg -> PairDataset: name optic_disc_seg" in said
    caplog.clear()
    Config(load_yaml(str(Config(tree()))))
    assert len([r for r in caplog.records if "PaddleSeg's form" in r.message]) == 1


def test_what_holds_for_a_class_is_said_once(caplog):
    caplog.set_level(logging.INFO)
    translate(tree(train_type="ADE20K", val_type="ADE20K"))
    assert caplog.text.count("ADE20K: 0 in a mask is ignored, n is class n - 1") == 1


def test_what_a_run_saves_is_of_our_form():
    saved = load_yaml(str(Config(tree(val_transforms=[{"type": "Padding", "target_size": [9, 8]},
                                                      NORMALIZE]))))  # fmt: skip
    assert not is_paddleseg(saved)
    assert Config(saved).preprocess().fit.steps == [{"pad": [9, 8]}]


def test_our_own_form_is_left_alone(tiny):
    assert translate(tiny) is tiny and not is_paddleseg(tiny)
    tiny["val_dataset"]["transforms"] = [{"type": "Resize"}]
    with pytest.raises(ConfigError, match="val_dataset.transforms: validation sees images as"):
        Config(tiny)


def test_normalize_makes_a_file_paddlesegs(tiny):
    """Such files are written for PaddleSeg's builder."""
    tiny["train_dataset"]["transforms"].append(NORMALIZE)
    tiny["val_dataset"]["transforms"] = [NORMALIZE]
    config = Config(tiny)
    assert config.preprocess().mean == (0.1, 0.2, 0.3) and config.preprocess().size == (32, 32)
    assert len(config.dataset("val").transforms) == 0


@pytest.mark.parametrize(
    ("normalize", "mean", "std"),
    [
        ([{"type": "Normalize"}], [0.5] * 3, [0.5] * 3),
        ([{"type": "Normalize", "mean": [0.3]}], [0.3] * 3, [0.5] * 3),
        ([], [0.0] * 3, [1 / 255] * 3),
    ],
)
def test_mean_and_std(normalize, mean, std):
    made = translate(tree(train_transforms=normalize, val_transforms=normalize))["preprocess"]
    assert (made["mean"], made["std"]) == (mean, std)


def test_without_validation_those_of_training_count():
    block = tree()
    del block["val_dataset"]
    assert translate(block)["preprocess"]["mean"] == [0.1, 0.2, 0.3]


def test_training_and_validation_must_agree():
    refused(
        r"Normalize: train_dataset has mean and std \[0\.1, .*val_dataset \[0\.5\] and",
        val_transforms=[{"type": "Normalize"}],
    )
    refused("val_dataset none: a network would", val_transforms=[])
    refused("val_dataset none: a network would", val_transforms=None)
    given = {"mean": [0.2] * 3, "std": [0.3] * 3}
    made = translate(tree(val_transforms=[], preprocess=given))
    assert made["preprocess"] == given


@pytest.mark.parametrize(
    ("transforms", "expected"),
    [
        ([{"type": "Resize", "target_size": [8, 6]}], {"size": [8, 6], "restore": "logits"}),
        (
            [{"type": "Resize", "target_size": [8, 6], "keep_ratio": True, "size_divisor": 32}],
            {"fit": [{"resize": [8, 6], "keep_ratio": True, "multiple": 32}], "restore": "logits"},
        ),
        (
            [{"type": "ResizeByShort", "short_size": 9}],
            {"fit": [{"short": 9}], "restore": "logits"},
        ),
        (
            [{"type": "ResizeByShort", "short_size": 9, "max_size": 20}],
            {"fit": [{"short": 9, "longest": 20}], "restore": "logits"},
        ),
        ([{"type": "ResizeByLong", "long_size": 9}], {"fit": [{"long": 9}], "restore": "logits"}),
        (
            [{"type": "LimitLong", "max_long": 9}],
            {"fit": [{"limit": [None, 9]}], "restore": "logits"},
        ),
        ([{"type": "Padding", "target_size": [9, 8]}], {"fit": [{"pad": [9, 8]}]}),
        (
            [{"type": "ResizeByLong", "long_size": 7},
             {"type": "Padding", "target_size": [9, 8], "im_padding_value": 0}],
            {"fit": [{"long": 7}, {"pad": [9, 8], "value": 0}], "restore": "logits"},
        ),
        ([{"type": "PaddingByAspectRatio"}], {"fit": [{"pad_to_ratio": 1}]}),
    ],
)  # fmt: skip
def test_what_validation_sees(transforms, expected):
    made = translate(tree(val_transforms=[*transforms, NORMALIZE]))["preprocess"]
    assert {key: value for key, value in made.items() if key not in ("mean", "std")} == expected
    Config(tree(val_transforms=[*transforms, NORMALIZE])).preprocess()


def test_under_windows_images_are_resized_first():
    transforms = [{"type": "Resize", "target_size": [8, 6]}, NORMALIZE]
    test = {"is_slide": True, "crop_size": [4, 4], "stride": [2, 2]}
    made = translate(tree(val_transforms=transforms, test_config=test))["preprocess"]
    assert made["fit"] == [{"resize": [8, 6]}]


def test_a_size_that_is_given_counts():
    transforms = [{"type": "Padding", "target_size": [9, 8]}, NORMALIZE]
    made = translate(tree(val_transforms=transforms, preprocess={"size": [4, 4]}))["preprocess"]
    assert made["size"] == [4, 4] and "fit" not in made


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"val_transforms": [{"type": "RandomHorizontalFlip"}, NORMALIZE]},
            r"val_dataset\.transforms\.0: RandomHorizontalFlip has no place in validation",
        ),
        (
            {"val_transforms": [{"type": "Resize", "interp": "CUBIC"}, NORMALIZE]},
            r"transforms\.0\.interp: validation resizes with LINEAR",
        ),
        (
            {"val_transforms": [{"type": "ResizeByLong", "size": 5}, NORMALIZE]},
            r"transforms\.0\.size: there is no such key; known: long_size",
        ),
        (
            {"train_transforms": [NORMALIZE, {"type": "RandomDistort"}]},
            r"train_dataset\.transforms\.1: RandomDistort stands behind Normalize",
        ),
        (
            {"val_transforms": [{**NORMALIZE, "target_size": [8, 8]}]},
            r"val_dataset\.transforms\.0\.target_size: Normalize has no such key; known: mean, std",
        ),
        ({"train_transforms": [NORMALIZE, NORMALIZE]}, r"transforms\.1: Normalize stands there tw"),
        (
            {"train_transforms": [{"type": "GenerateInstanceTargets"}, NORMALIZE]},
            r"train_dataset\.transforms\.0: GenerateInstanceTargets: .*SegFormer",
        ),
        ({"train_type": "PSSLDataset"}, r"train_dataset\.type: PSSLDataset .*not masks"),
        ({"train_type": "AutoNUE"}, r"train_dataset\.type: AutoNUE .*has no such class; write l"),
        ({"val_type": "SUPERVISELY"}, r"val_dataset\.type: SUPERVISELY .*two inputs"),
        ({"train_type": "Cityscapes", "train_dataset_root": None}, r"dataset_root: this key is mi"),
        ({"train_type": "DRIVE", "train_dataset_root": None}, "PaddleSeg would fetch http.*drive"),
        ({"train_mode": "trainaug"}, r"train_dataset\.mode: expected one of train, val, test, got"),
        ({"train_add_edge": True}, r"train_dataset\.add_edge: PaddleSeg's OpticDiscSeg has no su"),
        ({"train_type": "Dataset"}, r"2 faults\n.*train_path: .*\n.*num_classes: this key is miss"),
        ({"precision": "fp16"}, "precision: it is a flag of tools/train.py here; give --precision"),
        ({"optimizer": {"type": "AdamWDL_CAE"}}, "AdamWDL_CAE lowers the rate .*take AdamW, with"),
        ({"optimizer": {"type": "AdamWDL"}}, "AdamWDL lowers the rate .*take AdamW, with"),
        ({"precision": "fp16", "amp_level": "O2"}, "give --precision fp16 --amp_level O2 and del"),
        ({"amp": {}}, "amp: there is no such key here; .*--precision fp16"),
        ({"profiler": {}}, "profiler: .*--profiler_options"),
        ({"learning_rate": {"decay": {}}}, None),
    ],
    ids=str,
)
def test_what_cannot_be_honoured_names_the_nearest(changes, match):
    if match is None:  # a key that PaddleSeg 2.8.0 leaves out, too
        assert "learning_rate" not in translate(tree(**changes))
    else:
        refused(match, **changes)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"type": "RandomPaddingCrop", "category_max_ratio": 0.75}, "CategoryPaddingCrop"),
        ({"type": "RandomPaddingCrop", "crop_size": [8, 8]}, "RandomPaddingCrop"),
        ({"type": "ResizeByShort", "short_size": [8, 9]}, "RandomResizeByShort"),
        ({"type": "ResizeByShort", "short_size": 8}, "ResizeByShort"),
        ({"type": "ScalePadding"}, "CentrePaddingResize"),
        ({"type": "RandomBlur", "prob": 0.7}, "ProbableBlur"),
        ({"type": "RandomBlur", "prob": 0.5}, "RandomBlur"),
        ({"type": "RandomBlur"}, "RandomBlur"),
        ({"type": "RandomAffine", "translation_offset": 5}, "ShiftingAffine"),
        ({"type": "RandomAffine"}, "RandomAffine"),
    ],
    ids=str,
)
def test_wrong_transforms_become_right_ones(item, name):
    block = tree(train_transforms=[item, NORMALIZE])
    (made,) = translate(block)["train_dataset"]["transforms"]
    assert made == {**item, "type": name}
    Config(block)  # its arguments are those of ours


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (
            {"value": 0.1, "decay": {"type": "poly", "power": 0.8}},
            {"type": "PolynomialDecay", "learning_rate": 0.1, "power": 0.8, "end_lr": 0.0},
        ),
        (0.1, {"type": "PolynomialDecay", "learning_rate": 0.1, "power": 0.9, "end_lr": 0.0}),
        (
            {"value": [0.1, 0.2], "decay": {"type": "piecewise", "boundaries": [5]}},
            {"type": "PiecewiseDecay", "values": [0.1, 0.2], "boundaries": [5]},
        ),
        (
            {"value": 0.1, "decay": {"type": "stepdecay", "step_size": 3}},
            {"type": "StepDecay", "learning_rate": 0.1, "step_size": 3},
        ),
    ],
)
def test_rates_of_old_files(rate, expected):
    block = tree(learning_rate=rate)
    del block["lr_scheduler"]
    assert translate(block)["lr_scheduler"] == expected
    Config(block).lr_schedule()


def test_a_rate_of_the_command_line_goes_into_an_old_file(tmp_path):
    block = tree(learning_rate={"value": 0.1})
    del block["lr_scheduler"]
    write(tmp_path, old=block)
    made = settings_tree(tmp_path / "old.yml", ["lr_scheduler.learning_rate=0.3"])
    assert made["lr_scheduler"]["learning_rate"] == 0.3
    assert made["lr_scheduler"]["type"] == "PolynomialDecay"


def test_rates_that_are_none():
    block = tree(learning_rate={"decay": {"type": "cosine"}})
    del block["lr_scheduler"]
    with pytest.raises(ConfigError, match="learning_rate: expected {value: 0.01, decay"):
        translate(block)


def test_keys_that_change_nothing_are_left_out():
    block = tree(
        distill_loss={"types": [], "coef": []},
        to_static_training=True,
        export={"transforms": [NORMALIZE]},
        test_config={"auc_roc": True, "aug_eval": True, "scales": 1.0},
    )
    made = translate(block)
    assert not {"distill_loss", "to_static_training", "export"} & set(made)
    assert made["test_config"] == {"aug_eval": True, "scales": 1.0}
    assert "AUC" in [score.key for score in Config(block).report().scores]
    assert translate({**block, "metrics": ["mIoU"]})["metrics"] == ["mIoU", "AUC"]


def test_flags_as_keys_are_told_of(caplog):
    """PaddleSeg does not read them either; files of its users have some."""
    caplog.set_level(logging.INFO)
    flags = {"save_interval": 500, "use_ema": True, "precision": "fp32", "amp_level": "O1"}
    made = translate(tree(**flags, export={"transforms": []}))
    assert not {*flags, "export"} & set(made)
    assert (
        "save_interval is left out, as in PaddleSeg 2.8.0: give the flag --save_interval 500"
        in (caplog.text)
    )
    assert "give the flag --use_ema\n" in caplog.text
    assert "exports have the preprocessing of validation; others are asked for by" in caplog.text


def test_keys_that_paddlesegs_groups_do_not_know_are_left_out():
    groups = [{"name": "head", "lr_multi": 10.0, "weight_decay_mult": 0.0}]
    made = translate(tree(optimizer={"type": "AdamW", "custom_cfg": groups}))
    assert made["optimizer"]["custom_cfg"] == [{"name": "head", "weight_decay_mult": 0.0}]


def test_rates_by_layer_are_those_of_paddleseg():
    from types import SimpleNamespace

    from paddleseg.optimizers.custom_optimizers import layerwise_lr_decay

    optimizer = {"type": "AdamWDL_CAE", "weight_decay": 0.0, "layerwise_decay": 0.5}
    model = {"type": "UPerNetCAE", "num_classes": 2, "backbone": {"type": "CAE", "depth": 11}}
    made = translate(tree(optimizer=optimizer, model=model))["optimizer"]
    assert made["type"] == "AdamW" and "layerwise_decay" not in made
    names = ["backbone.blocks.1.w", "backbone.blocks.10.w", "backbone.pos_embed", "head.w"]
    for name in names:
        parameter = SimpleNamespace(name="p", optimize_attr={"learning_rate": 1.0})
        layerwise_lr_decay(0.5, {"p": name}, 11, parameter)
        own = [group["lr_mult"] for group in made["custom_cfg"] if group["name"] in name]
        assert (own or [1.0])[0] == parameter.optimize_attr["learning_rate"]


def test_the_model_and_the_loss_know_the_data_set():
    data = {"type": "Dataset", "dataset_root": "d", "num_classes": 3, "img_channels": 1,
            "ignore_index": 9, "transforms": []}  # fmt: skip
    block = tree(loss={"types": [{"type": "MixedLoss", "losses": [{"type": "A"}]}, {"type": "B"}]})
    block["train_dataset"] = {**data, "train_path": "a.txt"}
    block["val_dataset"] = {**data, "val_path": "b.txt"}
    made = translate(block)
    assert made["model"] == {"type": "U2NetP", "num_classes": 3, "in_channels": 1}
    assert made["loss"]["types"][0]["losses"] == [{"type": "A", "ignore_index": 9}]
    assert made["loss"]["types"][1]["ignore_index"] == 9
    assert made["preprocess"]["std"] == [1 / 255]


def test_a_model_of_other_classes_than_the_data_set_is_refused():
    with pytest.raises(ConfigError, match="num_classes: model and loss say 5, this says 2"):
        Config(tree(model={"type": "U2NetP", "num_classes": 5}))


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text if isinstance(text, str) else dump(text))


def test_the_first_of_several_bases_wins(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    first = {"iters": 1, "optimizer": {"type": "SGD", "momentum": 0.5}, "batch_size": 3}
    second = {**tree(), "iters": 2}
    upper = {"_base_": ["first.yml", "second.yml"], "optimizer": {"type": "Momentum"}}
    write(tmp_path, first=first, second=second, upper=upper)
    made = settings_tree(tmp_path / "upper.yml")
    expected = parse_from_yaml(str(tmp_path / "upper.yml"))
    assert made["iters"] == expected["iters"] == 1
    assert made["optimizer"] == expected["optimizer"]
    assert made["optimizer"]["momentum"] == 0.5  # another type keeps it
    assert any("the first of several _base_ files counts" in r.message for r in caplog.records)


def test_of_our_own_files_the_last_base_wins(tmp_path, tiny):
    write(tmp_path, first={"iters": 1}, second={**tiny, "iters": 2})
    write(tmp_path, upper={"_base_": ["second.yml", "first.yml"]})
    assert settings_tree(tmp_path / "upper.yml")["iters"] == 1


def test_inheritance_can_be_switched_off_and_on(tmp_path):
    base = tree()
    upper = {
        "_base_": "base.yml",
        "optimizer": {"_inherited_": False, "type": "Adam"},
        "lr_scheduler": {"_inherited_": True, "power": 0.5},
    }
    write(tmp_path, base=base, upper=upper)
    made = settings_tree(tmp_path / "upper.yml")
    assert made["optimizer"] == {"type": "Adam"}
    assert made["lr_scheduler"] == {**base["lr_scheduler"], "power": 0.5}  # PaddleSeg's keeps it


def test_of_a_key_that_stands_twice_the_last_counts(tmp_path, caplog):
    """Two of PaddleSeg's own files have one."""
    write(tmp_path, twice=dump(tree()) + "iters: 9\n")
    assert settings_tree(tmp_path / "twice.yml")["iters"] == 9
    assert "the key iters stands in line" in caplog.text and "the last one counts" in caplog.text
    assert parse_from_yaml(str(tmp_path / "twice.yml"))["iters"] == 9


def test_in_our_own_files_it_is_an_error(tmp_path, tiny):
    write(tmp_path, twice=dump(tiny) + "iters: 9\n")
    with pytest.raises(ConfigError, match="the key iters stands in line"):
        Config(tmp_path / "twice.yml")


def test_opts_are_keys_of_the_file_as_it_stands(tmp_path):
    write(tmp_path, a=tree())
    opts = ["val_dataset.transforms.0.mean=[0.1,0.2,0.3]", "val_dataset.dataset_root=other"]
    opts += ["preprocess.size=[4,4]", "optimizer.weight_decay=0"]
    config = Config(tmp_path / "a.yml", opts)
    assert config.preprocess().size == (4, 4)
    assert config.dataset_settings("val").dataset_root == "other"
    assert read_yaml(tmp_path / "a.yml") == tree()


def _places(node, path=()):
    """The path of every value in a tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _places(value, (*path, key))


@pytest.mark.parametrize(
    "value", [None, 5, 0.5, "x", True, [], [5], {}, {"type": 5}, [[]], [{}]], ids=str
)
def test_whatever_stands_there_is_translated_or_refused(value):
    """What is left is refused by the checks of this project's own form."""
    block = tree(
        test_config={"is_slide": True, "auc_roc": True},
        preprocess={"size": [4, 4]},
        learning_rate={"value": 0.1, "decay": {"type": "poly"}},
        optimizer={"type": "AdamWDL_CAE", "weight_decay": 0.0, "custom_cfg": [{"name": "a"}]},
        export={"transforms": [NORMALIZE]},
        metrics=["mIoU"],
        loss={"types": [{"type": "MixedLoss", "losses": [{"type": "A"}]}], "coef": [1]},
        model={"type": "A", "backbone": {"type": "B", "depth": 2}},
    )
    block["val_dataset"] = {
        "type": "Dataset",
        "dataset_root": "d",
        "val_path": "a.txt",
        "num_classes": 2,
        "ignore_index": 9,
        "img_channels": 3,
        "transforms": [
            {"type": "LimitLong", "max_long": 5},
            {"type": "Resize", "size_divisor": 3},
            {"type": "Padding", "target_size": [4, 4]},
            NORMALIZE,
        ],
    }
    block["train_dataset"]["transforms"] = [
        {"type": "RandomPaddingCrop", "category_max_ratio": 0.5},
        {"type": "RandomBlur", "prob": 0.7},
        NORMALIZE,
    ]
    for path in _places(block):
        changed = copy.deepcopy(block)
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        try:
            translate(changed)
        except ConfigError:
            pass
        except Exception as error:
            pytest.fail(f"{path}: {type(error).__name__}: {error}")
