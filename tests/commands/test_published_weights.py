"""Published weights on the commands: by name, by file, without a configuration."""

import json

import numpy as np
import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.images import read_mask
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.predictor.source import find_config, read_config
from paddleseg_u2net.weights import ZOO, read_weights, write_weights, zoo
from tests.weights import narrow


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "published" / "tiny.pth"
    write_weights(path, narrow.state())
    return path


@pytest.fixture
def named(weights, tmp_path, monkeypatch):
    """A row of the zoo for that file; its preprocessing is at 64x64."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "home"))
    source = zoo.Source("tiny.pth", (str(weights),), None, None, "this test")
    row = ZOO["u2net"]._replace(
        sources=(source,), preprocess={"type": "official", "size": [64, 64]}
    )
    monkeypatch.setitem(ZOO, "tiny", row)
    return "tiny"


def predict(model_path, drawn, folder, *more):
    words = ["--model_path", str(model_path), "--image_path", str(drawn / "images")]
    return main("predict", [*words, "--save_dir", str(folder), *more])


def maps(folder):
    paths = sorted((folder / "saliency").glob("*.png"))
    return {path.name: read_mask(path) for path in paths}


def test_a_file_without_a_configuration_is_recognised(weights, drawn, tmp_path, capsys):
    opts = ["--opts", "preprocess.size=[64,64]"]
    assert predict(weights, drawn, tmp_path / "out", *opts) == 0
    assert (
        "no configuration given, taken to be U2Net with stages of its own"
        in capsys.readouterr().out
    )
    found = maps(tmp_path / "out")
    assert len(found) == 12
    # `official` stretches each map over all grey levels before it is resized
    assert all(picture.max() - picture.min() > 200 for picture in found.values())


def test_a_name_predicts_as_its_row_says(named, weights, drawn, tmp_path, capsys):
    assert predict(named, drawn, tmp_path / "name") == 0
    said = capsys.readouterr().out
    assert "preprocess official at 64x64" in said and "no configuration given" not in said
    assert predict(weights, drawn, tmp_path / "file", "--opts", "preprocess.size=[64,64]") == 0
    by_name, by_file = maps(tmp_path / "name"), maps(tmp_path / "file")
    for name, picture in by_name.items():
        np.testing.assert_array_equal(picture, by_file[name])


def test_a_configuration_goes_before_the_row(named, drawn, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text(
        "model: {type: U2Net, num_classes: 1, stages: "
        + json.dumps(narrow.table().as_dict())
        + "}\npreprocess: {size: [64, 64]}\n"
    )
    assert predict(named, drawn, tmp_path / "row") == 0
    assert "was published for" not in capsys.readouterr().out
    assert predict(named, drawn, tmp_path / "out", "--config", str(tmp_path / "c.yaml")) == 0
    out = capsys.readouterr().out
    assert "was published for preprocess.type official, this configuration has paddleseg" in out
    by_row, found = maps(tmp_path / "row"), maps(tmp_path / "out")
    assert not any(np.array_equal(found[name], by_row[name]) for name in found)


def test_a_name_is_scored(named, drawn, tmp_path):
    val = ["type=PairDataset", f"dataset_root={drawn}", "val_path=val_list.txt"]
    words = ["--model_path", named, "--json", str(tmp_path / "s.json")]
    assert main("val", [*words, "--opts", *(f"val_dataset.{item}" for item in val)]) == 0
    scores = json.loads((tmp_path / "s.json").read_text())
    assert {"mIoU", "MAE", "maxF", "maxF_paper", "S", "wF"} <= set(scores)


def test_training_starts_from_a_name(named, tiny, drawn, tmp_path, capsys):
    import yaml

    tiny["model"] = {
        "type": "U2Net", "num_classes": 3, "stages": narrow.table().as_dict(), "pretrained": named,
    }  # fmt: skip
    tiny["loss"]["coef"] = [1] * 7
    tiny["iters"] = 1
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tiny))
    words = ["--config", str(tmp_path / "c.yaml"), "--save_dir", str(tmp_path / "run")]
    words += ["--opts", "train_dataset.mask_values={0: 0, 255: 2}"]
    assert main("train", words) == 0
    out = capsys.readouterr().out
    assert "side outputs and their fusion (14 tensors) start anew: the file has another" in out
    trained = read_weights(tmp_path / "run/iter_1/model.pdparams")
    start, end = narrow.state(), trained["stage1.rebnconvin.conv_s1.weight"]
    np.testing.assert_allclose(end, start["stage1.rebnconvin.conv_s1.weight"], atol=0.02)


def test_an_unknown_name_lists_the_known_ones(capsys):
    assert main("val", ["--model_path", "u3net"]) == 1
    error = capsys.readouterr().err
    assert "u3net: expected a file of weights (.pth" in error
    assert "u2net, u2netp, u2net_human_seg" in error


def save_run(folder, size):
    write_weights(folder / "model.pdparams", narrow.state())
    tree = {"model": {"type": "U2Net", "stages": narrow.table().as_dict()}}
    tree["preprocess"] = {"size": [size, size]}
    (folder / "config.yaml").write_text(json.dumps(tree))


def test_a_folder_keeps_its_configuration_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_run(tmp_path / "u2netp", 48)
    for name in ("./u2netp", "u2netp"):
        assert load_model(name, backend="paddle").config.preprocess().size == (48, 48)


def test_a_config_yaml_beside_a_download_is_somebody_elses(tmp_path):
    write_weights(tmp_path / "own.pth", narrow.state())
    (tmp_path / "config.yaml").write_text("model_type: u2net\n")
    assert read_config(find_config(tmp_path / "own.pth")).preprocess().size == (320, 320)


def test_a_published_file_is_prepared_by_path_as_by_name(tmp_path):
    write_weights(tmp_path / "u2net_cloth_seg.pth", narrow.state(num_classes=4))
    found = read_config(find_config(tmp_path / "u2net_cloth_seg.pth")).preprocess()
    assert (found.type, found.size, found.mean) == ("paddleseg", (768, 768), (0.5, 0.5, 0.5))


def test_a_converted_model_predicts_as_the_checkpoint_it_was(drawn, tmp_path):
    save_run(tmp_path / "run", 48)
    words = ["--input", str(tmp_path / "run"), "--output", str(tmp_path / "od.pth")]
    assert main("convert_weights", words) == 0
    assert predict(tmp_path / "run", drawn, tmp_path / "a") == 0
    assert predict(tmp_path / "od.pth", drawn, tmp_path / "b") == 0
    before, after = maps(tmp_path / "a"), maps(tmp_path / "b")
    for name, picture in before.items():
        np.testing.assert_array_equal(picture, after[name])


def test_a_model_converted_twice_keeps_its_configuration(tmp_path):
    save_run(tmp_path / "run", 48)
    for source, target in (("run", "a.safetensors"), ("a.safetensors", "b.pdparams")):
        pytest.importorskip("safetensors")
        words = ["--input", str(tmp_path / source), "--output", str(tmp_path / target)]
        assert main("convert_weights", words) == 0
    found = read_config(find_config(tmp_path / "b.pdparams"))
    assert found.preprocess().size == (48, 48) and found.preprocess().type == "paddleseg"


def test_a_yaml_of_the_users_is_neither_read_nor_replaced(weights, tmp_path, capsys):
    (tmp_path / "x.yaml").write_text("mine: 1\n")
    words = ["--input", str(weights), "--output", str(tmp_path / "x.pth")]
    assert main("convert_weights", words) == 1
    assert "x.yaml: this file says otherwise" in capsys.readouterr().err
    assert not (tmp_path / "x.pth").exists()
    assert (tmp_path / "x.yaml").read_text() == "mine: 1\n"
    write_weights(tmp_path / "x.pth", narrow.state())
    assert read_config(find_config(tmp_path / "x.pth")).preprocess().type == "official"
