"""The documented commands, typed as users type them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import __version__, progress
from paddleseg_u2net.__main__ import cli
from paddleseg_u2net.commands import COMMANDS, main
from tests.conftest import tiny_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, drawn):
    """A trained model's run folder, and its configuration file."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({**tiny_config(drawn), "iters": 2}))
    code = main("train", ["--config", str(path), "--save_dir", str(folder / "run"), "--do_eval"])
    assert code == 0
    return folder / "run", path


def test_commands_explain_themselves_without_paddle():
    code = """
import sys
from paddleseg_u2net.commands import COMMANDS, main
for command in COMMANDS:
    try:
        main(command, ["--help"])
    except SystemExit as error:
        assert error.code == 0
assert "paddle" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage:") == len(COMMANDS)


def test_the_package_runs_as_a_module():
    words = [sys.executable, "-m", "paddleseg_u2net"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert all(name in done.stderr for name in COMMANDS)


def _module(monkeypatch, capsys, *words):
    """The exit code, the output and the errors of `python -m paddleseg_u2net`."""
    monkeypatch.setattr(sys, "argv", ["paddleseg_u2net", *words])
    with pytest.raises(SystemExit) as ended:
        cli()
    return (ended.value.code, *capsys.readouterr())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evalmaps"], "there is no command 'evalmaps'; did you mean eval_maps? See"),
        (["xyz"], "there is no command 'xyz'; there are train, val, "),
        (["--verbose"], "expected a command, got --verbose; see"),
        (["dataset", "chek"], "there is no part 'chek'; did you mean check? See"),
    ],
)
def test_unknown_commands_are_called_unknown(monkeypatch, capsys, words, said):
    code, out, err = _module(monkeypatch, capsys, *words)
    assert code == 2 and out == ""
    assert err.startswith(f"Error: {said}") and len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_tells_its_version(monkeypatch, capsys, name):
    words = [*([name] if name else []), "--version"]
    told = (0, f"paddleseg_u2net {__version__}\n", "")
    assert _module(monkeypatch, capsys, *words) == told


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        # Part of a flag is not the flag.
        ("predict", ["--image_path", "x", "--crop", "3", "4"], "--crop: there is no such flag; did "
         "you mean --crop_size?"),
        # Named before what is missing for want of it.
        ("predict", ["--image_pth", "x"], "--image_pth: there is no such flag; did you mean "
         "--image_path?"),
        ("val", ["--qqq"], "--qqq: there is no such flag; see"),
        ("export", ["--format", "onx"], "argument --format: expected one of paddle, onnx, "
         "openvino, ncnn, got 'onx'; did you mean onnx?"),
        ("dataset", ["import", "coco", "--sourc", "x"], "--sourc: there is no such flag; did you "
         "mean --source?"),
        ("model_info", ["--json", "x.txt"], "argument --json: expected a name that ends in .json"),
        ("val", [], "the following arguments are required: --model_path"),
        # PaddleSeg's, with the nearest that works
        ("train", ["--config", "x", "--repeats", "2"], "argument --repeats: expected 1, got 2; an "
         "epoch is all pairs once here"),
        ("val", ["--data_format", "NHWC"], "argument --data_format: expected NCHW, got NHWC"),
    ],
)  # fmt: skip
def test_wrong_flags_are_one_line(command, words, said, capsys):
    with pytest.raises(SystemExit) as error:
        main(command, words)
    out, err = capsys.readouterr()
    assert error.value.code == 2 and out == "" and len(err.splitlines()) == 1
    assert err.startswith(f"Error: {said}") and err.endswith("--help\n")


def test_all_of_paddlesegs_train_flags_exist(capsys):
    with pytest.raises(SystemExit):
        main("train", ["--help"])
    text = capsys.readouterr().out
    flags = """config device save_dir num_workers do_eval use_vdl use_ema resume_model iters
        batch_size learning_rate save_interval log_iters keep_checkpoint_max seed precision
        amp_level profiler_options data_format repeats opts"""
    assert all(re.search(rf"--{flag}\b", text) for flag in flags.split())


def test_val_scores_a_model_by_its_own_configuration(trained, tmp_path, capsys):
    run, _ = trained
    scores = tmp_path / "scores.json"
    assert main("val", ["--model_path", str(run / "best_model"), "--json", str(scores)]) == 0
    content = json.loads(scores.read_text())
    saved = json.loads((run / "best_model" / "state.json").read_text())["scores"]
    assert content["mIoU"] == saved["mIoU"]
    assert content["images"] == 4
    assert f"mIoU: {content['mIoU']:.4f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--aug_eval", "--scales", "0.75", "1.0", "--flip_horizontal", "--flip_vertical"],
        ["--is_slide", "--crop_size", "32", "48", "--stride", "24", "24"],
    ],
)
def test_val_with_augmentation_and_windows(trained, tmp_path, words):
    run, _ = trained
    path = tmp_path / "scores.json"
    assert main("val", ["--model_path", str(run), "--json", str(path), *words]) == 1
    model = ["--model_path", str(run / "best_model")]
    assert main("val", [*model, "--json", str(path), *words]) == 0
    plain = tmp_path / "plain.json"
    assert main("val", [*model, "--json", str(plain)]) == 0
    assert json.loads(path.read_text())["MAE"] != json.loads(plain.read_text())["MAE"]


def test_a_setting_without_its_flag_is_an_error(trained, capsys):
    words = ["--model_path", str(trained[0] / "best_model"), "--scales", "0.5"]
    assert main("val", words) == 1
    assert "--scales: has an effect with" in capsys.readouterr().err


def test_predict_mirrors_a_tree(trained, tmp_path, drawn, capsys):
    run, _ = trained
    images = tmp_path / "in"
    (images / "sub").mkdir(parents=True)
    for name in ("a.png", "a.jpg", "sub/b é.png"):
        Image.open(drawn / "images/00000.png").resize((50, 41)).save(images / name)
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = ["--image_path", str(images), "--save_dir", str(tmp_path / "out")]
    assert main("predict", [*words, "--model_path", str(run / "best_model")]) == 1
    out = capsys.readouterr().out
    assert "broken.png" in out
    assert "3 of 4 images" in out
    for folder in ("pseudo_color_prediction", "saliency"):
        root = tmp_path / "out" / folder
        found = {path.relative_to(root) for path in _files(root)}
        assert found == {Path("a.png.png"), Path("a.jpg.png"), Path("sub/b é.png")}
    assert len(_files(tmp_path / "out/added_prediction")) == 3
    saliency = Image.open(tmp_path / "out/saliency/sub/b é.png")
    assert (saliency.size, saliency.mode) == ((50, 41), "L")
    assert Image.open(tmp_path / "out/pseudo_color_prediction/a.jpg.png").mode == "P"


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_predict_finds_the_newest_best_model(trained, drawn, tmp_path, monkeypatch, capsys):
    run, _ = trained
    image = ["--image_path", str(drawn / "images/00000.png")]
    monkeypatch.chdir(tmp_path)
    assert main("predict", image) == 1
    assert "no best_model lies below output" in capsys.readouterr().err
    (tmp_path / "output").symlink_to(run.parent)
    (tmp_path / "deeper").mkdir()
    assert main("predict", [*image, "--save_dir", "result"]) == 0
    assert "best_model/model.pdparams" in capsys.readouterr().out
    assert (tmp_path / "result/saliency/00000.png").is_file()


def test_multi_class_through_train_val_and_predict(trained, drawn, tmp_path):
    _, config = trained
    opts = ["--opts", "model.num_classes=2", "batch_size=4"]
    run = tmp_path / "run"
    words = ["--config", str(config), "--save_dir", str(run), "--do_eval", *opts]
    assert main("train", words) == 0
    model = ["--model_path", str(run / "best_model")]
    assert main("val", [*model, "--json", str(tmp_path / "s.json")]) == 0
    assert len(json.loads((tmp_path / "s.json").read_text())["class_iou"]) == 2
    words = ["--image_path", str(drawn / "images/00001.png"), "--save_dir", str(tmp_path / "out")]
    assert main("predict", [*model, *words]) == 0
    classes = np.asarray(Image.open(tmp_path / "out/pseudo_color_prediction/00001.png"))
    saliency = np.asarray(Image.open(tmp_path / "out/saliency/00001.png"))
    assert ((saliency >= 128) == (classes == 1)).mean() > 0.99


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("train", ["--config", "nowhere.yml"], "nowhere.yml: there is no such configuration file"),
        ("val", ["--model_path", "nowhere"], "--model_path nowhere: "),
        ("predict", ["--image_path", "nowhere"], "nowhere: expected an image"),
    ],
)
def test_errors_are_one_line_and_exit_code_1(command, words, said, capsys, monkeypatch):
    monkeypatch.delenv("U2NET_DEBUG", raising=False)
    assert main(command, words) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert said in error
    assert "Traceback" not in error


def test_the_script_trains(trained, tmp_path):
    _, config = trained
    words = [sys.executable, ROOT / "tools/train.py", "--config", config]
    words += ["--save_dir", tmp_path / "run", "--opts", "batch_size=3"]
    words += ["--batch_size", "4", "--learning_rate", "0.125"]  # of the two the argument counts
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "iter: 2/2" in done.stdout
    saved = yaml.safe_load((tmp_path / "run/iter_2/config.yaml").read_text())
    assert (saved["batch_size"], saved["lr_scheduler"]["learning_rate"]) == (4, 0.125)


def test_a_reader_that_has_seen_enough_is_no_error():
    code = "from paddleseg_u2net.commands import main; import sys; sys.exit(main('model_info'))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_closed_reader_of_log_lines_is_no_traceback(tmp_path, drawn):
    code = (
        "from paddleseg_u2net.commands import main; import sys; from tests.weights import narrow\n"
        "from paddleseg_u2net.weights import write_weights\n"
        f"write_weights({str(tmp_path / 'w.pth')!r}, narrow.state())\n"
        f"sys.exit(main('predict', ['--model_path', {str(tmp_path / 'w.pth')!r}, '--image_path', "
        f"{str(drawn / 'images')!r}, '--save_dir', {str(tmp_path / 'out')!r}]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 141


def _validating(tmp_path, drawn):
    """A configuration that validates what `exporting` exports."""
    from tests.weights import narrow

    path = tmp_path / "val.yaml"
    path.write_text(
        f"model: {{type: U2Net, stages: {json.dumps(narrow.table().as_dict())}}}\n"
        "preprocess: {size: [32, 32]}\n"
        f"val_dataset: {{type: PairDataset, dataset_root: {drawn}, val_path: val_list.txt}}\n"
    )
    return path


@pytest.mark.parametrize("upsampling", ["bilinear", "guided"])
def test_an_exported_model_is_scored_on_any_backend(drawn, tmp_path, capsys, upsampling):
    pytest.importorskip("onnx")
    from tests.inference import exporting

    folder = exporting.onnx_folder(tmp_path / "model")
    words = ["--model_path", str(folder), "--upsampling", upsampling, "--batch_size", "2"]
    assert main("val", words) == 1
    assert "knows no data sets" in capsys.readouterr().err
    words += ["--config", str(_validating(tmp_path, drawn))]
    scores = []
    for backend in ("onnxruntime", "openvino"):
        pytest.importorskip(backend)
        more = ["--backend", backend, "--json", str(tmp_path / "s.json")]
        assert main("val", [*words, *more]) == 0
        printed = capsys.readouterr().out
        assert f"backend {backend}" in printed
        scores.append(json.loads((tmp_path / "s.json").read_text())["MAE"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    assert main("val", [*words, "--opts", "model.num_classes=2"]) == 1
    assert "are (2, 3), but those of the exported model" in capsys.readouterr().err


def test_settings_of_an_exported_model_are_its_own(drawn, tmp_path, capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from tests.inference import exporting

    folder = exporting.onnx_folder(tmp_path / "model")
    words = ["--model_path", str(folder), "--image_path", str(drawn / "images")]
    words += ["--save_dir", str(tmp_path / "out"), "--pictures", "saliency"]
    assert main("predict", [*words, "--opts", "preprocess.size=[64,64]"]) == 1
    assert "is an exported model, whose settings are in" in capsys.readouterr().err
    assert main("predict", [*words, "--backend", "paddle"]) == 1
    assert "cannot run a model exported as onnx: paddle does not run it" in capsys.readouterr().err
    assert main("predict", [*words, "--aug_pred", "--flip_horizontal"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["saliency"]


def _worked(command, trained, drawn, tmp_path):
    """The words of a command that works on four images."""
    model = ["--model_path", str(trained[0] / "best_model")]
    if command == "val":
        return ["val", *model]
    images = tmp_path / "images"
    images.mkdir(exist_ok=True)
    for path in sorted((drawn / "images").iterdir())[:4]:
        (images / path.name).write_bytes(path.read_bytes())
    out = ["--save_dir", str(tmp_path / "out")]
    return ["predict", *model, *out, "--image_path", str(images)]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("val", "validating: 4 of 4 images (100%), "),
        ("predict", "predicting: 4 of 4 images (100%), "),
    ],
)
def test_work_says_how_far_it_is_in_files(
    trained, drawn, tmp_path, command, said, capsys, monkeypatch
):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    words = _worked(command, trained, drawn, tmp_path)
    assert main(words[0], words[1:]) == 0
    out, err = capsys.readouterr()
    assert said in out and err == "" and "\r" not in out
    monkeypatch.undo()
    assert main(words[0], words[1:]) == 0
    assert said not in capsys.readouterr().out  # it was soon done
