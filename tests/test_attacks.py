"""Failing tests of a review; each says what a user was promised."""

import json
import pickle

import numpy as np
import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.engine import convert as conversion
from paddleseg_u2net.engine import trained
from paddleseg_u2net.weights import formats, read_weights, write_weights
from tests.weights import narrow

KEY = "stage3.rebnconv2.conv_s1.weight"


def convert(source, target):
    return main("convert_weights", ["--input", str(source), "--output", str(target)])


def sized(stages, size=64):
    return {
        "model": {"type": "U2Net", "num_classes": 1, "stages": stages},
        "preprocess": {"size": [size, size], "mean": [0.5] * 3, "std": [0.5] * 3},
    }


def test_bfloat16_of_paddle_is_not_taken_for_integers(tmp_path):
    import paddle

    state = narrow.state()
    tensors = {k: paddle.to_tensor(v).astype("bfloat16") for k, v in state.items()}
    paddle.save(tensors, str(tmp_path / "in.pdparams"))
    if convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams") == 0:
        again = read_weights(tmp_path / "out.pdparams")
        np.testing.assert_allclose(again[KEY], state[KEY], rtol=0.01)


def test_a_checkpoint_with_stages_of_its_own_is_not_converted_to_another_network(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    plain = {
        part: [[int(str(height).rstrip("F")), mid, out] for height, mid, out in rows]
        for part, rows in narrow.table().as_dict().items()
    }
    write_weights(tmp_path / "best/model.pdparams", narrow.state())
    (tmp_path / "best/config.yaml").write_text(yaml.safe_dump(sized(plain)))
    if convert(tmp_path / "best", tmp_path / "out.onnx") == 0:
        predictor = trained.load(str(tmp_path / "best"), None, [])[2]
        images = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
        found = onnxruntime.InferenceSession(str(tmp_path / "out.onnx")).run(
            None, {"input": images}
        )
        np.testing.assert_allclose(found[0], predictor.probabilities(images), atol=1e-3)


def test_the_quickstarts_own_model_converts(tmp_path):
    stages = {
        "encoder": [[5, 8, 16], [4, 8, 24], ["4F", 12, 32], ["4F", 12, 32]],
        "decoder": [["4F", 12, 32], [4, 8, 24], [5, 8, 16]],
    }
    table = narrow.StageTable.parse(stages)
    write_weights(tmp_path / "best/model.pdparams", narrow.state(stages=table))
    (tmp_path / "best/config.yaml").write_text(yaml.safe_dump(sized(stages)))
    assert convert(tmp_path / "best", tmp_path / "out.pth") == 0


def test_the_other_side_reads_the_file_itself(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    write_weights(tmp_path / "in.pth", narrow.state())
    read = formats.read_torch
    monkeypatch.setattr(
        formats,
        "read_torch",
        lambda path: {k: v[..., ::-1].copy() if v.ndim == 4 else v for k, v in read(path).items()},
    )
    with pytest.raises(ValueError):
        conversion.convert(tmp_path / "in.pth", tmp_path / "out.pdparams")


def test_a_writer_that_errs_is_found_without_other_runtimes(tmp_path, monkeypatch):
    write_weights(tmp_path / "in.pdparams", narrow.state())
    paddle_format = formats.FORMATS["Paddle"]
    wrong = paddle_format._replace(
        write=lambda path, state: paddle_format.write(path, {k: v * 0.9 for k, v in state.items()})
    )
    monkeypatch.setitem(formats.FORMATS, "Paddle", wrong)
    with pytest.raises(ValueError):
        conversion.convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams")


@pytest.mark.parametrize("length", range(0, 256, 8))
def test_any_length_of_a_safetensors_header(tmp_path, length):
    numpy_format = pytest.importorskip("safetensors.numpy")
    for padding in range(400):
        data = numpy_format.save({"a": np.zeros(2, np.float32)}, {"n": "x" * padding})
        if data[0] == length:
            break
    (tmp_path / "w.safetensors").write_bytes(data)
    assert formats.format_of(tmp_path / "w.safetensors").name == "safetensors"


def test_the_users_folder_keeps_its_configuration_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "u2netp/model.pdparams", narrow.state())
    (tmp_path / "u2netp/config.yaml").write_text(
        yaml.safe_dump(sized(narrow.table().as_dict(), 48))
    )
    for name in ("./u2netp", "u2netp"):
        config = trained.load(name, None, [])[1]
        assert config.preprocess().size == (48, 48), name


def test_a_strangers_config_yaml_beside_a_download(tmp_path):
    write_weights(tmp_path / "u2net.pth", narrow.state())
    (tmp_path / "config.yaml").write_text("model_type: u2net\n")
    trained.config_of(tmp_path / "u2net.pth", None, [])


def test_the_published_file_by_path_is_prepared_as_by_name(tmp_path):
    write_weights(tmp_path / "u2net_cloth_seg.pth", narrow.state(num_classes=4))
    config = trained.config_of(tmp_path / "u2net_cloth_seg.pth", None, [])
    assert config.preprocess().size == (768, 768) and config.preprocess().mean == (0.5, 0.5, 0.5)


def test_model_info_takes_what_other_commands_take(tmp_path, capsys):
    write_weights(tmp_path / "best/model.pdparams", narrow.state())
    assert main("model_info", ["--model_path", str(tmp_path / "best")]) == 0


def test_model_info_does_not_count_another_network(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("model: {type: UNet, num_classes: 2}\n")
    assert main("model_info", ["--config", str(tmp_path / "c.yaml")]) == 1


@pytest.mark.parametrize(
    "key", ["outconv.weight", "side6.weight", "stage3.rebnconv1.conv_s1.weight"]
)
def test_a_misspelt_key_is_listed_with_the_nearest(tmp_path, key, capsys):
    state = narrow.state()
    state[key.replace("weight", "wieght")] = state.pop(key)
    write_weights(tmp_path / "in.pth", state)
    assert convert(tmp_path / "in.pth", tmp_path / "out.pdparams") == 1
    error = capsys.readouterr().err
    assert f"{key}: not in the file" in error and "IS-Net" not in error


def test_a_variance_below_zero_is_refused(tmp_path):
    state = narrow.state()
    state["stage3.rebnconv2.bn_s1._variance"][0] = -1
    write_weights(tmp_path / "in.pdparams", state)
    assert convert(tmp_path / "in.pdparams", tmp_path / "out.pdparams") == 1


@pytest.mark.parametrize("value", ["123", "true", "[a]"])
def test_pretrained_of_another_kind_is_an_error_line(tiny_file, value, tmp_path):
    words = ["--config", str(tiny_file), "--save_dir", str(tmp_path / "run")]
    assert main("train", [*words, "--opts", f"model.pretrained={value}"]) == 1


@pytest.mark.parametrize(
    "groups", [["stage1"], {"name": "stage1."}, [{"name": "stage1.", "lr_mul": 1}]]
)
def test_groups_of_another_form_are_an_error_line(tiny, groups, tmp_path):
    tiny["optimizer"]["custom_cfg"] = groups
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tiny))
    words = ["--config", str(tmp_path / "c.yaml"), "--save_dir", str(tmp_path / "run")]
    assert main("train", [*words, "--iters", "1"]) == 1


def test_a_group_may_be_frozen(tiny, tmp_path):
    tiny["optimizer"]["custom_cfg"] = [{"name": "stage1.", "lr_mult": 0.1}]
    tiny["trainer"] = {"freeze": ["stage1"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tiny))
    words = ["--config", str(tmp_path / "c.yaml"), "--save_dir", str(tmp_path / "run")]
    assert main("train", [*words, "--iters", "1"]) in (0, 1)


def test_a_checkpoint_without_the_newer_setting_resumes(tiny_file, tmp_path):
    words = ["--config", str(tiny_file), "--save_dir", str(tmp_path / "run")]
    assert main("train", [*words, "--iters", "1"]) == 0
    path = tmp_path / "run/iter_1/state.json"
    state = json.loads(path.read_text())
    del state["must_agree"]["trainer.freeze"]
    path.write_text(json.dumps(state))
    assert main("train", [*words, "--iters", "2", "--resume_model", str(tmp_path / "run")]) == 0


def test_an_older_pickle_protocol_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {k: torch.from_numpy(v) for k, v in formats.names.to_torch(narrow.state()).items()
               if v.ndim}  # fmt: skip
    torch.save(tensors, tmp_path / "w.pth", _use_new_zipfile_serialization=False, pickle_protocol=4)
    assert formats.format_of(tmp_path / "w.pth").name == "PyTorch"


def test_a_ragged_entry_names_the_file(tmp_path, capsys):
    with (tmp_path / "w.pdparams").open("wb") as file:
        pickle.dump({**narrow.state(), "a": [[1], [1, 2]]}, file)
    assert convert(tmp_path / "w.pdparams", tmp_path / "out.pth") == 1
    assert "w.pdparams" in capsys.readouterr().err


@pytest.fixture
def tiny_file(tiny, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny))
    return tmp_path / "tiny.yaml"
