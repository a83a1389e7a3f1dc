"""What a full install trained or converted is used by a light one, which has no Paddle."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import Predictor
from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.commands import main
from paddleseg_u2net.weights import read_weights, write_weights
from tests.inference import exporting
from tests.inference.exporting import picture
from tests.weights import narrow

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

UNDILATED = {
    part: [[str(row.height).removesuffix("F"), row.mid, row.out] for row in rows]
    for part, rows in narrow.table()._asdict().items()
}
# As training leaves it: all of its configuration beside the weights.
TRAINED = {
    "batch_size": 2,
    "iters": 5,
    "model": {"type": "U2Net", "stages": UNDILATED, "pretrained": "gone.pth"},
    "preprocess": {"type": "zoo", "size": [64, 48]},
    "train_dataset": {"type": "PairDataset", "dataset_root": "gone"},
    "optimizer": {"type": "Adam"},
    "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.001},
    "loss": {"types": [{"type": "DeepSupervisionLoss"}]},
    "test_config": {"aug_eval": True, "flip_horizontal": True},
}
# Commands of one Python that has none of these; what each of them says comes back.
_LIGHT = """
import contextlib, io, json, sys
sys.modules.update(dict.fromkeys(("paddle", "paddleseg", "torch", "matplotlib")))
from paddleseg_u2net.commands import main
done = {}
for name, command, *words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        done[name] = [main(command, words), out, err]
print(json.dumps({name: [code, out.getvalue(), err.getvalue()] for name, (code, out, err) in
    done.items()}))
"""


def _light(jobs):
    """(exit code, output, errors) of commands by the names that each begins with."""
    text = json.dumps([[str(word) for word in job] for job in jobs])
    done = subprocess.run(
        [sys.executable, "-c", _LIGHT], input=text, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("light")


@pytest.fixture(scope="module")
def done(folder):
    """What commands of a light install said of what a full one left in ``folder``."""
    best = folder / "best_model"
    best.mkdir()
    write_weights(best / "model.pdparams", narrow.state(stages=StageTable.parse(UNDILATED)))
    (best / "config.yaml").write_text(yaml.safe_dump(TRAINED))
    converted = [folder / f"u2net{suffix}" for suffix in (".onnx", ".pdparams", ".safetensors")]
    for target in converted:
        assert main("convert_weights", ["--input", str(best), "--output", str(target)]) == 0
    write_weights(folder / "u2net.pth", narrow.state())
    (folder / "own.yaml").write_text("model: {type: OwnNetwork}\n")
    (folder / "other.yaml").write_text("model: {type: U2NetP}\n")
    image = folder / "a.png"
    Image.fromarray(picture()).save(image)

    def predict(name, model, *words):
        arguments = ["--model_path", model, "--image_path", image, "--pictures", "saliency"]
        return [name, "predict", *arguments, "--save_dir", folder / "out" / name, *words]

    def convert(suffix):
        words = ["--input", folder / "u2net.pth", "--output", folder / f"o{suffix}"]
        return [f"to{suffix}", "convert_weights", *words]

    return _light(
        [
            predict("checkpoint", best),
            predict("overridden", best, "--opts", "preprocess.type=paddleseg"),
            predict("once", best, "--opts", "test_config.aug_eval=False"),
            predict("wrong", best, "--opts", "model.depth=3"),
            *(predict(path.name, path) for path in converted),
            predict("u2net.pth", folder / "u2net.pth"),
            predict("unfit", folder / "u2net.onnx", "--config", folder / "other.yaml"),
            predict("own", folder / "u2net.pth", "--config", folder / "own.yaml"),
            predict("exported", exporting.onnx_folder(folder / "model")),
            *(convert(suffix) for suffix in (".onnx", ".pdparams")),
            ["train", "train", "--config", "c.yaml"],
            ["val", "val", "--model_path", "u2netp"],
            # the folders are not there, and would be looked for next
            ["page", "eval_maps", "--pred_dir", "none", "--gt_dir", "none", "--html", "page.html"],
        ]
    )


@pytest.fixture
def shown(done, folder):
    """The map that a command drew, and its log."""

    def of(name):
        code, out, err = done[name]
        assert code == 0, err
        return np.asarray(Image.open(folder / "out" / name / "saliency/a.png")), out

    return of


@pytest.fixture
def refused(done):
    """The error of a command, one line."""

    def of(name):
        code, _, err = done[name]
        assert code == 1 and len(err.splitlines()) == 1, err
        return err

    return of


def test_a_checkpoint_is_predicted_as_with_paddle(shown, folder):
    found, log = shown("checkpoint")
    assert "zoo" in log and "backend " in log and "(auto: " in log
    # The same layers in Paddle, with the averaging that the configuration asks for.
    expected = Predictor(folder / "best_model", backend="paddle")(folder / "a.png")
    np.testing.assert_allclose(found / 255, expected, atol=0.6 / 255)


def test_settings_are_overridden_without_paddle(shown, refused):
    _, log = shown("overridden")
    assert "paddleseg" in log and "zoo" not in log
    assert "model.depth: there is no such key" in refused("wrong")


@pytest.mark.parametrize("suffix", [".onnx", ".pdparams"])
def test_a_converted_file_keeps_its_settings(shown, suffix):
    found, log = shown(f"u2net{suffix}")
    assert "zoo" in log and "no configuration" not in log
    np.testing.assert_array_equal(found, shown("once")[0])


def test_settings_stand_for_their_own_files_only(shown, folder):
    first = (folder / "u2net.yaml").read_text().splitlines()[0]
    assert first.endswith(": u2net.onnx, u2net.pdparams, u2net.safetensors")
    for suffix, kind in ((".safetensors", "zoo"), (".pth", "official")):
        _, log = shown(f"u2net{suffix}")
        assert f"{kind} " in log, (suffix, log)


def test_the_configuration_that_does_not_fit_is_named(refused):
    assert "other.yaml names U2NetP" in refused("unfit")
    assert "u2net.yaml" not in refused("unfit")


def test_an_exported_folder_is_predicted(shown):
    assert "(auto: " in shown("exported")[1]


@pytest.mark.parametrize("suffix", [".onnx", ".pdparams"])
def test_weights_are_converted_without_paddle(done, folder, suffix):
    code, _, err = done[f"to{suffix}"]
    assert code == 0, err
    found, original = read_weights(folder / f"o{suffix}"), read_weights(folder / "u2net.pth")
    if suffix != ".onnx":  # where BatchNorm is folded
        assert all((found[name] == value).all() for name, value in original.items())
    settings = (folder / "o.yaml").read_text()
    assert settings.startswith("# Settings of converted weights: o.onnx")


@pytest.mark.parametrize("name", ["train", "val", "own"])
def test_what_needs_paddle_says_how_to_get_it(refused, name):
    assert "pip install 'paddleseg_u2net[cpu]'" in refused(name)


def test_a_page_without_its_packages_is_refused_before_scoring(refused):
    assert "pip install 'paddleseg_u2net[report]'" in refused("page")


def test_a_python_without_the_requirements_is_named():
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from paddleseg_u2net.commands import main; sys.exit(main('train', ['--config', 'c.yaml']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cv2" in done.stderr and sys.executable in done.stderr
