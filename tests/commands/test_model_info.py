"""The model card, typed as users type it."""

import json

import pytest
import yaml

from paddleseg_u2net.architecture import TABLES, StageTable, build
from paddleseg_u2net.architecture.counts import count
from paddleseg_u2net.commands import main, model_info
from paddleseg_u2net.weights import write_weights
from tests.models.stock import SMALL
from tests.weights import narrow


@pytest.fixture
def config(tmp_path, tiny):
    tiny["model"].update(stages=SMALL, num_classes=2, in_channels=4)
    path = tmp_path / "own|name.yml"
    path.write_text(yaml.safe_dump({"model": tiny["model"], "preprocess": {"size": [32, 32]}}))
    return path


def _cells(text):
    """The first words of a line -> its cells; columns are two or more spaces apart."""
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text]
    return {row[0]: row[1:] for row in rows if row}


def test_the_published_models_without_arguments(capsys):
    assert model_info.run([]) == 0
    text = capsys.readouterr().out
    cells = _cells(text.split("\n\n")[0].splitlines())
    assert cells["320x320"] == ["U2Net", "U2NetP"]
    assert cells["parameters, M [1]"] == ["44.010", "1.131"]
    assert cells["multiply-adds, G [2]"] == ["58.598", "19.756"]
    assert cells["activations, M [5]"] == ["58.948", "42.514"]
    assert cells["receptive field, pixels [9]"] == ["6624", "6624"]
    assert all(f"\n[{number}] " in text for number in range(1, 10))


def test_size_channels_and_classes_reach_the_counts(tmp_path):
    path = tmp_path / "new" / "card.json"
    words = ["--size", "96", "64", "--in_channels", "1", "--num_classes", "4"]
    assert model_info.run([*words, "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    assert (content["width"], content["height"]) == (96, 64)
    for model in content["models"]:
        assert (model["num_classes"], model["in_channels"]) == (4, 1)
        expected = count(build(TABLES[model["name"]], 4, 1), 64, 96)
        assert model["counts"] == expected._asdict()
        assert model["stages"][0]["shape"] == [64, 64, 96]


def test_models_of_configurations_stand_beside_the_variants(config, tmp_path):
    path = tmp_path / "card.json"
    assert model_info.run(["--config", str(config), str(config), "--json", str(path)]) == 0
    models = json.loads(path.read_text())["models"]
    assert [model["name"] for model in models] == ["U2Net", "U2NetP", "own|name", "own|name"]
    assert (models[2]["num_classes"], models[2]["in_channels"]) == (2, 4)
    assert models[2]["stages"][0]["shape"] == [16, 320, 320]


@pytest.fixture
def folder(tmp_path):
    """A checkpoint whose stages weights alone do not show."""
    write_weights(tmp_path / "best/model.pdparams", narrow.state(stages=StageTable.parse(SMALL)))
    model = {"type": "U2Net", "num_classes": 1, "stages": SMALL}
    content = {"model": model, "preprocess": {"size": [32, 32]}}
    (tmp_path / "best/config.yaml").write_text(yaml.safe_dump(content))
    return tmp_path / "best"


def test_a_checkpoint_is_counted_with_its_configuration(folder, tmp_path):
    path = tmp_path / "card.json"
    assert model_info.run(["--model_path", str(folder), "--json", str(path)]) == 0
    found = json.loads(path.read_text())["models"][2]
    assert found["name"] == "best"
    expected = count(build(StageTable.parse(SMALL), 1, 3), 320, 320)
    assert found["counts"] == expected._asdict()


def test_a_configuration_names_the_model_of_bare_weights(folder, tmp_path, capsys):
    bare = (folder / "model.pdparams").rename(tmp_path / "bare.pdparams")
    assert main("model_info", ["--model_path", str(bare)]) == 1
    assert "--config" in capsys.readouterr().err
    words = ["--model_path", str(bare), "--config", str(folder / "config.yaml")]
    assert model_info.run([*words, "--json", str(tmp_path / "card.json")]) == 0
    models = json.loads((tmp_path / "card.json").read_text())["models"]
    assert [model["name"] for model in models] == ["U2Net", "U2NetP", "bare"]
    assert "dilated" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        model_info.run([*words, words[-1]])


def test_stages_that_were_guessed_are_said(tmp_path, caplog):
    write_weights(tmp_path / "bare.pth", narrow.state(num_classes=2, in_channels=4))
    path = tmp_path / "card.json"
    assert model_info.run(["--model_path", str(tmp_path / "bare.pth"), "--json", str(path)]) == 0
    found = json.loads(path.read_text())["models"][2]
    assert (found["name"], found["num_classes"], found["in_channels"]) == ("bare", 2, 4)
    assert "bare.pth: weights do not show which stages are dilated" in caplog.text


def test_a_row_for_each_stage(capsys):
    assert model_info.run(["--stages"]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    assert [block.splitlines()[0] for block in blocks[1:3]] == ["U2Net", "U2NetP"]
    cells = _cells(blocks[1].splitlines()[2:])
    assert len(cells) == 12
    assert cells["stage4"] == ["512x40x40", "3.987", "4.955", "1792"]


def test_markdown(config, capsys):
    assert model_info.run(["--markdown", "--stages", "--config", str(config)]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == r"| 320x320 | U2Net | U2NetP | own\|name |"
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert text.count("| sides |") == 3
    # A line before a table and behind it, else it is none.
    assert "\nU2Net\n\n| stage |" in text and "```text\nFor one picture" in text


@pytest.mark.parametrize("words", [["--size", "0", "3"], ["--in_channels", "0"]])
def test_numbers_below_one_are_errors_of_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        model_info.run(words)
    assert stop.value.code == 2
    assert "--size" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--config", "--model_path"])
def test_a_missing_file_is_named(flag, tmp_path, capsys):
    assert main("model_info", [flag, str(tmp_path / "none.yml")]) == 1
    captured = capsys.readouterr()
    assert "none.yml" in captured.err and captured.out == ""
