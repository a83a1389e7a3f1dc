"""The section `loss`: PaddleSeg's losses by name, for one head or all, and what is refused."""

from __future__ import annotations

import pytest

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net import losses
from paddleseg_u2net.config import Config, ConfigError
from tests.config.test_build import TREE

HEADS = 7
MIXED = "{type: MixedLoss, losses: [{type: BCELoss}, {type: DiceLoss}], coef: [0.25, 0.75]}"


def config(types, *opts, classes=1):
    more = ["train_dataset.mask_values=index", "val_dataset.mask_values=index"]
    opts = [f"loss.types={types}", "loss.coef=1", f"model.num_classes={classes}", *more, *opts]
    return Config(TREE, opts)


def test_one_loss_is_for_all_heads():
    criterion = config("[{type: DiceLoss, smooth: 2}]", "loss.coef=0.5").criterion()
    assert isinstance(criterion.loss, losses.MendedDiceLoss) and criterion.loss.smooth == 2
    assert criterion.weights == 0.5


@pytest.mark.parametrize("coef", ["1", "[1]", f"[{', '.join('1' * HEADS)}]"])
def test_each_head_may_have_its_own(coef):
    types = ", ".join(["{type: BCELoss}"] * 5 + ["{type: LovaszHingeLoss}", MIXED])
    criterion = config(f"[{types}]", f"loss.coef={coef}").criterion()
    kinds = [type(loss).__name__ for loss in criterion.loss]
    assert kinds == ["MendedBCELoss"] * 5 + ["MendedLovaszHingeLoss", "MendedMixedLoss"]
    assert [type(loss).__name__ for loss in criterion.loss[6].losses] == [
        "MendedBCELoss",
        "MendedDiceLoss",
    ]


def test_what_is_ignored_reaches_every_loss():
    inner = "{type: MixedLoss, losses: [{type: BCELoss, ignore_index: 7}, {type: DiceLoss}], "
    changed = config(f"[{inner} coef: [1, 1]}}]")
    assert changed.ignore_index == 7
    assert [loss.ignore_index for loss in changed.criterion().loss.losses] == [7, 7]
    assert changed.dataset_settings("val").ignore_index == 7
    changed = config(f"[{MIXED}]", "train_dataset.ignore_index=9", "val_dataset.ignore_index=9")
    assert [loss.ignore_index for loss in changed.criterion().loss.losses] == [9, 9]


def test_our_own_names_and_paddlesegs_are_the_same():
    of_ours = config("[{type: MendedFocalLoss, gamma: 3}]").criterion().loss
    theirs = config("[{type: FocalLoss, gamma: 3}]").criterion().loss
    assert type(of_ours) is type(theirs) and of_ours.gamma == theirs.gamma == 3


def test_the_configuration_keeps_the_names_it_had():
    changed = config(f"[{MIXED}]")
    changed.criterion()
    assert "type: MixedLoss" in str(changed) and "Mended" not in str(changed)


def test_paddlesegs_own_are_taken_where_they_are_right():
    loss = config("[{type: MultiClassFocalLoss, num_class: 3}]", classes=3).criterion().loss
    assert type(loss).__module__.startswith("paddleseg.")


# Losses, other options, and how the answer begins.
REFUSED = [
    (
        "[{type: Dic}]",
        [],
        "loss.types.0.type: there is no loss 'Dic'",
    ),
    ("[{type: BCELoss}, text]", [], "loss.types.1: expected a dictionary with a type, got 'text'"),
    ("[{}]", [], "loss.types.0.type: there is no loss None"),
    ("[{type: DiceLoss, smoth: 1}]", [], "loss.types.0.smoth: there is no such key; did you mean"),
    ("[{type: DiceLoss, smooth: a}]", [], "loss.types.0.smooth: expected a number, got the text"),
    (
        "[{type: BootstrappedCrossEntropyLoss, min_K: 5}]",
        [],
        "loss.types.0.loss_th: this key is",
    ),
    (
        "[{type: BCELoss}, {type: BCELoss}]",
        [],
        "loss.types: expected 1 loss for all heads .* 7,",
    ),
    ("[{type: BCELoss}]", ["loss.coef=[1, 2]"], r"loss.coef: expected 7 numbers.*got \[1, 2\]"),
    (
        "[{type: BCELoss}, {type: DiceLoss}]",
        ["loss.coef=[1, 2, 3]"],
        "loss.coef: expected one number for all heads or 2,",
    ),
    (
        "[{type: BCELoss, ignore_index: 0}]",
        ["train_dataset.ignore_index=255"],
        "train_dataset.ignore_index: model and loss say 0, this says 255",
    ),
    (
        "[{type: MixedLoss, losses: [{type: BCELoss, ignore_index: 0}, {type: DiceLoss, "
        "ignore_index: 255}], coef: [1, 1]}]",
        [],
        "loss.types.0.losses.1.ignore_index: another loss says 0, this says 255",
    ),
    (
        "[{type: BCELoss, ignore_index: -1}]",
        [],
        "loss.types.0.ignore_index: expected a whole number from 0 to 255",
    ),
    (
        "[{type: MixedLoss, losses: [{type: BCELos}, 5], coef: [1, 1]}]",
        [],
        "loss.types.0.losses.0.type: there is no loss 'BCELos'",
    ),
    (
        "[{type: MixedLoss, losses: [5], coef: [1]}]",
        [],
        "loss.types.0.losses: expected a list",
    ),
    (
        "[{type: MixedLoss, losses: [{type: BCELoss}], coef: [1, 1]}]",
        [],
        "loss.types.0.coef: expected 1 numbers, one for each of its losses, got 2",
    ),
    (
        "[{type: MixedLoss, losses: [{type: BCELoss}], coef: [a]}]",
        [],
        "loss.types.0.coef: exp",
    ),
    (
        "[{type: CrossEntropyLoss}]",
        [],
        "loss.types.0.type: CrossEntropyLoss: it takes 2",
    ),
    (
        "[{type: MixedLoss, losses: [{type: OhemCrossEntropyLoss}], coef: [1]}]",
        [],
        "loss.types.0.losses.0.type: OhemCrossEntropyLoss: it takes 2 .*num_classes is 1; t",
    ),
    (
        "[{type: FocalLoss}]",
        ["model.num_classes=3"],
        "loss.types.0.type: FocalLoss: it takes 1 or 2 channels, and model.num_classes is 3; t",
    ),
    (
        "[{type: LovaszHingeLoss}]",
        ["train_dataset.mask_values=soft"],
        "loss.types.0.type: LovaszHingeLoss takes classes, and train_dataset.mask_values is soft",
    ),
    (
        "[{type: EdgeAttentionLoss}]",
        ["model.num_classes=2"],
        "loss.types.0.type: EdgeAttentionLoss is of a pair of logits and .*GSCNN.*; a U²-Net gives",
    ),
    (
        "[{type: DistillCrossEntropyLoss}]",
        ["model.num_classes=2"],
        "loss.types.0.type: DistillCrossEntropyLoss is of the logits of a second network",
    ),
    (
        "[{type: MaskFormerLoss, num_classes: 2}]",
        ["model.num_classes=2"],
        "loss.types.0.type: MaskFormerLoss is of MaskFormer's queries",
    ),
    (
        "[{type: CrossEntropyLoss, weight: [1, 2, 3]}]",
        ["model.num_classes=2"],
        "loss.types.0.weight: expected 2 numbers, one for each class, got 3",
    ),
    (
        "[{type: BCELoss, weight: [1]}]",
        [],
        "loss.types.0.weight: expected 2 numbers, of the back",
    ),
    (
        "[{type: BCELoss, weight: dinamic}]",
        [],
        "loss.types.0.weight: expected a list of numbers, .* or auto or dynamic, got 'dinamic'",
    ),
    (
        "[{type: BCELoss, pos_weight: -1}]",
        [],
        "loss.types.0.pos_weight: expected numbers of 0",
    ),
    ("[{type: BCELoss, edge_label: true}]", [], "loss.types.0.edge_label: it is of probabilities"),
    (
        "[{type: DeepSupervisionLoss, weights: [1, 1, 1, 1, 1, 1, 1]}]",
        ["loss.coef=0.5"],
        "loss.coef: heads are weighted by types.0.weights already; keep one",
    ),
    (
        "[{type: RMILoss, rmi_radius: 99}]",
        ["model.num_classes=2"],
        "loss.types.0 .*RMILoss: rmi_radius: expected 1 to 10, got 99",
    ),
    (
        "[{type: DiceLoss, weight: auto}]",
        [],
        "loss.types.0.weight: expected a list of numbers, one for each class, got 'auto'",
    ),
]


@pytest.mark.parametrize(("types", "opts", "match"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_had_is_named(types, opts, match):
    with pytest.raises(ConfigError, match=match):
        config(types, *opts).criterion()
