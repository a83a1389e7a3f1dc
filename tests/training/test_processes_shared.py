"""Validation and prediction, shared out to 2 and to 3 processes: the bytes of one process."""

import json
import shutil

import cv2
import numpy as np
import pytest

from paddleseg_u2net.commands import main
from tests.conftest import tiny_config
from tests.training.launching import together
from tests.training.runs import train

pytestmark = pytest.mark.slow
ALWAYS = ["--threads", "1", "--device", "cpu", "--backend", "paddle"]
# by name: which model, and what else `val` is told
VALIDATIONS = {
    "everything": ["binary", "--metrics", "segmentation", "saliency", "boundary", "fixation"],
    "batches": ["binary", "--batch_size", "2", "--num_workers", "1"],
    "classes": ["classes", "--metrics", "segmentation"],
    "one_image": ["binary", "--num_workers", "1", "--opts", "val_dataset.val_path=one.txt"],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory, drawn):
    """Folders of a binary model and of one of three classes, with seven pairs to validate on."""
    folder = tmp_path_factory.mktemp("models")
    data = shutil.copytree(drawn, folder / "data")
    lines = (data / "train_list.txt").read_text().splitlines()
    (data / "val_list.txt").write_text("\n".join(lines[:7]))
    (data / "one.txt").write_text(lines[0])
    (data / "classes").mkdir()
    for number, path in enumerate(sorted(data.glob("masks/*"))):
        mask = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127).astype(np.uint8)
        mask[:, : 8 * number] *= 2
        mask[0] = 255
        cv2.imwrite(str(data / "classes" / path.name), mask)
    for part in ("train", "val"):
        text = (data / f"{part}_list.txt").read_text()
        (data / f"{part}_classes.txt").write_text(text.replace("masks/", "classes/"))
    binary, classes = tiny_config(data), tiny_config(data)
    classes["model"]["num_classes"] = 3
    for part in ("train", "val"):
        classes[f"{part}_dataset"][f"{part}_path"] = f"{part}_classes.txt"
    for name, config in (("binary", binary), ("classes", classes)):
        train({**config, "iters": 2}, folder / name)
    return folder


def jobs_of(models, folder):
    for name, (model, *words) in VALIDATIONS.items():
        path = ["--model_path", models / model / "iter_2", "--json", folder / f"{name}.json"]
        yield [name, "val", *path, *ALWAYS, *words]
    path = ["--model_path", models / "binary/iter_2", "--save_dir", folder / "pictures"]
    yield ["predict", "predict", "--image_path", models / "data/images", *path, *ALWAYS]


def files_of(folder):
    found = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    pictures = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("pictures/*/*")
    }
    return {**found, **pictures}


@pytest.fixture(scope="module")
def alone(models):
    folder = models / "alone"
    for _, command, *words in jobs_of(models, folder):
        assert main(command, list(map(str, words))) == 0
    return files_of(folder)


@pytest.mark.parametrize("size", [2, 3])
def test_files_are_those_of_one_process(size, models, alone):
    folder, jobs = models / f"of_{size}", models / f"jobs_{size}.json"
    jobs.write_text(json.dumps([list(map(str, job)) for job in jobs_of(models, folder)]))
    for code, words in together(size, "-m", "tests.training.run_commands", jobs):
        assert code == 0, words
    said = [json.loads(path.read_text()) for path in sorted(models.glob(f"jobs_{size}.*.json"))]
    for name in (*VALIDATIONS, "predict"):
        assert [every[name][0] for every in said] == [0] * size, said[0][name][1]
        for other in said[1:]:
            assert other[name][1] == "", name
    together_ = files_of(folder)
    assert together_.keys() == alone.keys() and len(alone) > 10
    for name, content in alone.items():
        assert together_[name] == content, name
