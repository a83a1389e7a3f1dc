"""PaddleSeg's networks in the trainer: heads, validation, averages, frozen layers, resuming."""

import numpy as np
import paddle
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config
from paddleseg_u2net.config.reading import dump
from paddleseg_u2net.training.heads import heads_of
from paddleseg_u2net.weights import read_pickle
from tests.training.runs import EVERY_SECOND, outcome, train, trainer_of, weights

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
