"""PaddleSeg's networks in the trainer: heads, validation, averages, frozen layers, resuming."""

import logging

import numpy as np
import paddle
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.config.reading import dump
from paddleseg_u2net.training import batchnorm
from paddleseg_u2net.training.heads import heads_of
from paddleseg_u2net.weights import read_pickle, write_pickle
from tests.training.runs import EVERY_SECOND, outcome, train, trainer_of, weights
from tests.weights import narrow

LITE = {"type": "PPHumanSegLite", "num_classes": 2}
THREE_HEADS = {"type": "PPLiteSeg", "num_classes": 2, "backbone": {"type": "STDC1"}}


@pytest.fixture
def other(tiny):
    """A configuration of a small network of PaddleSeg's."""
    for part in ("train", "val"):
        tiny[f"{part}_dataset"]["mask_values"] = "binary"
    tiny.update(model=dict(LITE), loss={"types": tiny["loss"]["types"], "coef": [1]}, iters=2)
    return tiny


def test_a_network_with_heads_trains_and_validates(other, tmp_path, capsys):
    other["model"] = THREE_HEADS
    other["loss"]["coef"] = [1, 0.5, 0.25]
    (tmp_path / "lite.yml").write_text(dump(other))
    run = tmp_path / "run"
    argv = ["--config", str(tmp_path / "lite.yml"), "--save_dir", str(run), "--do_eval"]
    assert main("train", argv) == 0
    assert main("val", ["--model_path", str(run / "best_model")]) == 0
    assert "mIoU: " in capsys.readouterr().out


def test_a_resumed_run_has_the_same_bits(other, tmp_path):
    other["iters"] = 4
    train(other, tmp_path / "whole", **EVERY_SECOND)
    middle = str(tmp_path / "whole/iter_2")
    train(other, tmp_path / "parts", **EVERY_SECOND, resume_model=middle)
    assert outcome(tmp_path / "parts", 4) == outcome(tmp_path / "whole", 4)


def test_layers_freeze_and_groups_learn_slower(other, tmp_path):
    other["optimizer"] = {"type": "SGD", "custom_cfg": [{"name": "conv_bn0", "lr_mult": 0.0}]}
    other["trainer"] = {"freeze": ["conv_bn1"]}
    trainer = trainer_of(other, tmp_path)
    before = {name: value.numpy() for name, value in trainer.model.state_dict().items()}
    trainer.run()
    changed = {k for k, v in weights(tmp_path / "iter_2").items() if (v != before[k]).any()}
    names = {name.split(".")[0] for name in changed if not name.endswith(("_mean", "_variance"))}
    assert not names & {"conv_bn0", "conv_bn1"}
    assert len(names) > 3


def test_tables_of_whole_numbers_are_kept(other, tmp_path):
    swin = {"type": "SwinTransformer", "embed_dim": 12, "depths": [1, 1, 1, 1], "window_size": 2}
    swin["num_heads"] = [1, 2, 2, 2]
    other["model"] = {
        "type": "UPerNet", "num_classes": 2, "backbone": swin, "backbone_indices": [0, 1, 2, 3],
        "channels": 8,
    }  # fmt: skip
    train(other, tmp_path, use_ema=True, do_eval=True)
    for name in ("iter_2/model.pdparams", "iter_2/ema.pdparams"):
        state = read_pickle(tmp_path / name)
        tables = {key: value for key, value in state.items() if key.endswith("position_index")}
        assert tables
        assert all(value.dtype == np.int64 for value in tables.values())
    train({**other, "iters": 3}, tmp_path, use_ema=True, resume_model=str(tmp_path), do_eval=True)
    assert main("val", ["--model_path", str(tmp_path / "best_model")]) == 0


def test_the_encoder_of_a_u2net_serves_another_network(other, tmp_path, caplog):
    """Its names stand inside others, and are saved and found again among them."""
    state = {name: value for name, value in folded_state().items() if name.startswith("stage")}
    write_pickle(tmp_path / "folded.pdparams", state)
    rows = narrow.table().as_dict()["encoder"]
    pretrained = str(tmp_path / "folded.pdparams")
    backbone = {"type": "U2NetBackbone", "stages": rows, "pretrained": pretrained}
    other["model"] = {
        "type": "UPerNet", "num_classes": 2, "backbone": backbone, "backbone_indices": [2, 3, 5],
        "channels": 8,
    }  # fmt: skip
    caplog.set_level(logging.INFO)
    trainer = train(other, tmp_path / "run", do_eval=True)
    assert "folded into the convolutions; measuring them anew on 8 training images" in caplog.text
    assert "backbone.stage1.rebnconvin.bn_s1" not in batchnorm.folded(trainer.model)
    (tmp_path / "folded.pdparams").unlink()  # what is saved does not need it
    assert main("val", ["--model_path", str(tmp_path / "run/best_model")]) == 0
    saved = tmp_path / "run/best_model/model.pdparams"
    assert "backbone.stage1.rebnconvin.conv_s1.bias" in read_pickle(saved)  # as published


def folded_state():
    state = narrow.state()
    for name in [name for name in state if name.endswith("bn_s1._variance")]:
        for end in ("_variance", "weight"):
            state[name.replace("_variance", end)] = np.ones_like(state[name])
    return state


def test_a_decoder_of_a_u2net_learns_on_another_encoder(other, tmp_path):
    backbone = {"type": "STDC1"}
    stages = {"encoder": [["2F", 2, 8]], "decoder": [["2F", 2, 4]] * 5}
    other["model"] = {"type": "U2Net", "num_classes": 1, "backbone": backbone, "stages": stages}
    other["loss"]["coef"] = [1] * 7
    train(other, tmp_path, do_eval=True)
    assert main("val", ["--model_path", str(tmp_path / "best_model")]) == 0
    other["loss"]["coef"] = [1] * 6
    with pytest.raises(ValueError, match="expected 7"):
        train(other, tmp_path / "other")


def test_sizes_that_a_network_cannot_take_are_named(other, tmp_path, capsys):
    other["model"] = {"type": "AttentionUNet", "num_classes": 2}
    other["train_dataset"]["transforms"] = [{"type": "Resize", "target_size": [24, 32]}]
    (tmp_path / "net.yml").write_text(dump(other))
    assert main("train", ["--config", str(tmp_path / "net.yml"), "--save_dir", str(tmp_path)]) == 1
    said = "model.type: AttentionUNet takes images whose width and height are multiples of 16 only"
    assert f"{said}, got 24x32; set preprocess.size, and the" in capsys.readouterr().err


def test_what_stops_inside_a_network_is_one_line(other, tmp_path):
    other["model"] = {"type": "SegNeXt", "num_classes": 2, "backbone": {"type": "MSCAN_T"}}
    other["model"]["decoder_cfg"] = {"in_channels": [64, 160, 255], "channels": 8}
    with pytest.raises(ConfigError, match="model: "):
        train(other, tmp_path)


def test_heads_come_at_the_size_of_the_label():
    label = paddle.zeros([2, 8, 8], "int64")
    small, edge = paddle.randn([2, 3, 4, 4]), paddle.randn([2, 1, 2, 2])
    points = (paddle.randn([2, 3, 5]), paddle.randn([2, 5, 2]))
    whole, other, codes = heads_of((small, edge, points), label)
    torch = pytest.importorskip("torch")
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(small.numpy()), size=(8, 8), mode="bilinear"
    )
    np.testing.assert_allclose(whole.numpy(), expected.numpy(), atol=1e-6)
    assert other is edge
    assert codes is points
    alone = paddle.randn([2, 3, 8, 8])
    (head,) = heads_of(alone, label)
    assert head is alone


def test_labels_of_classes_are_int64_and_shares_are_not(other, tmp_path):
    seen = []

    def loss(logits, label):
        seen.append(label.dtype)
        return logits.mean()

    for classes in (2, 1):
        other["model"]["num_classes"] = classes
        trainer = trainer_of({**other, "iters": 1}, tmp_path / str(classes))
        trainer.criterion.loss = loss
        trainer.run()
    assert seen[0] == paddle.int64
    assert seen[1] != paddle.int64
    assert Config(other).num_classes == 1


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("model", "loss", "side", "least"),
    [
        ({"type": "UNet", "num_classes": 2}, "CrossEntropyLoss", 64, 0.65),
        (
            {"type": "U2NetP", "backbone": {"type": "ResNet18_vd", "output_stride": 32}},
            "DeepSupervisionLoss",
            128,
            0.6,
        ),
    ],
)
def test_networks_learn_the_optic_disc_within_twenty_steps(
    shared, tmp_path, model, loss, side, least
):
    data = {"type": "PairDataset", "dataset_root": str(shared / "data/optic_disc_seg")}
    resize = [{"type": "Resize", "target_size": [side, side]}]
    config = {
        "batch_size": 2,
        "iters": 20,
        "model": model,
        "preprocess": {"size": [side, side], "mean": [0.5] * 3, "std": [0.5] * 3},
        "train_dataset": {**data, "train_path": "train_list.txt", "transforms": resize},
        "val_dataset": {**data, "val_path": "val_list.txt"},
        "optimizer": {"type": "Adam"},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 1e-3},
        "loss": {"types": [{"type": loss}], "coef": [1]},
    }
    scores = trainer_of(config, tmp_path, do_eval=True).run()
    assert scores["mIoU"] > least  # nothing but background is 0.485
