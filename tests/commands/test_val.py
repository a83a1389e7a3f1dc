"""What val writes beside its scores: confusion matrix, pictures, a summary of several models."""

import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from sklearn.metrics import confusion_matrix

from paddleseg_u2net.commands import main
from paddleseg_u2net.training.summary import names_apart
from tests.conftest import tiny_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, drawn):
    """Two runs of another seed."""
    folder = tmp_path_factory.mktemp("runs")
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({**tiny_config(drawn), "iters": 2}))
    for seed in (1, 2):
        words = ["--config", str(path), "--save_dir", str(folder / f"seed_{seed}"), "--do_eval"]
        assert main("train", [*words, "--seed", str(seed)]) == 0
    return folder


def val(*words):
    assert main("val", [str(word) for word in words]) == 0


def test_the_confusion_matrix_is_that_of_the_pictures(runs, drawn, tmp_path):
    best = runs / "seed_1/best_model"
    files = [tmp_path / "c.csv", tmp_path / "c.png", tmp_path / "c.pdf"]
    val("--model_path", best, "--json", tmp_path / "s.json", "--confusion", *files)
    content = json.loads((tmp_path / "s.json").read_text())
    words = ["--model_path", str(best), "--save_dir", str(tmp_path), "--image_path"]
    lines = (drawn / "val_list.txt").read_text().split("\n")[:-1]
    counts = np.zeros((2, 2), int)
    for image, mask in map(str.split, lines):
        pictures = ["--pictures", "pseudo_color_prediction"]
        assert main("predict", [*words, str(drawn / image), *pictures]) == 0
        said = np.asarray(Image.open(tmp_path / "pseudo_color_prediction" / Path(image).name))
        true = np.asarray(Image.open(drawn / mask)) > 0
        counts += confusion_matrix(true.ravel(), said.ravel(), labels=[0, 1])
    assert content["confusion_matrix"] == counts.tolist()
    assert content["classes"] == ["background", "foreground"]
    hits = np.diagonal(counts)
    iou = hits / (counts.sum(0) + counts.sum(1) - hits)
    assert content["mIoU"] == pytest.approx(iou.mean()) and content["class_iou"] == list(iou)
    with files[0].open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["true \\ predicted", "background", "foreground"]
    assert [row[1:] for row in rows] == [list(map(str, row)) for row in counts.tolist()]
    assert all(file.stat().st_size > 5000 for file in files[1:])


def test_several_models_have_a_mean_and_a_deviation(runs, tmp_path, capsys):
    models = [runs / f"seed_{seed}/best_model" for seed in (1, 2)]
    files = ["--json", tmp_path / "s.json", "--confusion", tmp_path / "c.csv"]
    val("--model_path", *models, *files, "--overlays", tmp_path / "out", "--worst", 2)
    said = capsys.readouterr().out
    content = json.loads((tmp_path / "s.json").read_text())
    single = []
    for model in models:
        val("--model_path", model, "--json", tmp_path / "one.json")
        single.append(json.loads((tmp_path / "one.json").read_text()))
    assert content["models"] == {"seed_1": single[0], "seed_2": single[1]}
    for key in ("mIoU", "MAE", "maxF"):
        values = [one[key] for one in single]
        assert content["mean"][key] == pytest.approx(statistics.mean(values))
        assert content["std"][key] == pytest.approx(statistics.stdev(values))
        row = next(line.split() for line in said.splitlines() if f"]\t{key} " in line)
        shown = [*values, content["mean"][key], content["std"][key], content["pooled"][key]]
        assert row[-5:] == [f"{value:.4f}" for value in shown]
    both = np.array(single[0]["confusion_matrix"]) + single[1]["confusion_matrix"]
    assert content["pooled"]["confusion_matrix"] == both.tolist()
    assert content["pooled"]["images"] == 8
    assert (tmp_path / "c.csv").read_text().endswith(f"{both[1, 0]},{both[1, 1]}\n")
    for name in ("seed_1", "seed_2"):
        assert len(list((tmp_path / "out" / name / "mistakes").iterdir())) == 4
        assert (tmp_path / "out" / name / "worst.png").is_file()


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["out/fold_1/best_model", "out/fold_2/best_model"], ["fold_1", "fold_2"]),
        (["a.pth", "b/a.pth"], ["a.pth", "b/a.pth"]),
        (["x/a/1/m", "x/b/2/m"], ["a/1", "b/2"]),
        (["u2net", "u2netp"], ["u2net", "u2netp"]),
        (["same", "same"], ["1", "2"]),
    ],
)
def test_models_are_named_by_what_differs(paths, names):
    assert names_apart(paths) == names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--confusion", "c.txt"], "expected a name that ends in .csv or .png or .pdf, got c.txt"),
        (["--confusion", "c"], "--confusion c: expected a name that ends in .csv, .png or .pdf"),
        (["--worst", "0"], "argument --worst: expected 1 or more, got 0"),
    ],
)
def test_wrong_files_are_one_line(words, said, capsys):
    with pytest.raises(SystemExit):
        main("val", ["--model_path", "x", *words])
    assert said in capsys.readouterr().err


def test_what_cannot_be_written_is_said_before_the_work(tmp_path, capsys):
    (tmp_path / "c.csv").mkdir()
    assert main("val", ["--model_path", "nowhere", "--confusion", str(tmp_path / "c.csv")]) == 1
    assert "c.csv: expected a file or nothing, found a folder" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_write_what_one_writes(runs, tmp_path):
    words = ["tools/val.py", "--model_path", runs / "seed_1/best_model", "--device", "cpu"]
    written = []
    for name, launch in (
        ("one", []),
        ("two", ["-m", "paddle.distributed.launch", "--nproc_per_node", "2"]),
    ):
        files = ["--json", tmp_path / f"{name}.json", "--overlays", tmp_path / name]
        command = [sys.executable, *launch, *words, *files]
        subprocess.run([*map(str, command)], cwd=ROOT, check=True, capture_output=True)
        pictures = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        written.append({path.relative_to(tmp_path / name): path.read_bytes() for path in pictures})
        content = json.loads((tmp_path / f"{name}.json").read_text())
        written[-1]["matrix"] = content["confusion_matrix"]
    assert written[0] == written[1] and len(written[0]) == 7
