"""``tools/dataset.py import`` as users meet it: every format in, a data set that trains out."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.images import read_mask

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (24, 32)
COUNT = 10
# Where the object of every image is: a box from (4, 6) to (20, 18), without its end.
BOX = (4, 6, 20, 18)


def object_mask(value=1):
    mask = np.zeros(SHAPE, np.uint8)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = value
    return mask


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **options)
    return path


def write_json(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree))


def photos(folder, count=COUNT):
    for n in range(count):
        noise = np.random.default_rng(n).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
        save(folder / f"i{n}.jpg", noise)
    return [f"i{n}" for n in range(count)]


def make_folders(top):
    for name in photos(top / "images"):
        save(top / "masks" / f"{name}.png", object_mask(255))
    return ["folders", "--images", f"{top}/images", "--masks", f"{top}/masks"]


def make_coco(top):
    x, y, right, bottom = BOX
    names = photos(top / "images")
    outline = [x, y, right, y, right, bottom, x, bottom]
    write_json(
        top / "labels.json",
        {
            "images": [
                {"id": n, "file_name": f"{name}.jpg", "width": SHAPE[1], "height": SHAPE[0]}
                for n, name in enumerate(names)
            ],
            "categories": [{"id": 3, "name": "person"}, {"id": 5, "name": "car"}],
            "annotations": [
                {"id": n, "image_id": n, "category_id": 3, "segmentation": [outline], "iscrowd": 0}
                for n in range(len(names))
            ],
        },
    )
    return ["coco", "--annotations", f"{top}/labels.json", "--images", f"{top}/images",
            "--classes", "object=person", "--crowd", "ignore"]  # fmt: skip


def make_labelme(top):
    x, y, right, bottom = BOX
    for name in photos(top):
        write_json(
            top / f"{name}.json",
            {
                "version": "5.0.1",
                "flags": {},
                "shapes": [
                    {"label": "disc", "shape_type": "polygon", "group_id": None,
                     "points": [[x, y], [right, y], [right, bottom], [x, bottom]]}
                ],
                "imagePath": f"{name}.jpg", "imageData": None,
                "imageHeight": SHAPE[0], "imageWidth": SHAPE[1],
            },
        )  # fmt: skip
    return ["labelme", "--source", str(top), "--classes", "object=disc"]


def make_supervisely(top):
    write_json(
        top / "meta.json",
        {"classes": [{"title": "person_bmp", "shape": "bitmap", "color": "#FF0000"}], "tags": []},
    )
    buffer = io.BytesIO()
    width, height = BOX[2] - BOX[0], BOX[3] - BOX[1]
    Image.new("1", (width, height), 1).save(buffer, "PNG")
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    for name in photos(top / "ds1/img"):
        item = {"classTitle": "person_bmp", "geometryType": "bitmap",
                "bitmap": {"data": data, "origin": list(BOX[:2])}}  # fmt: skip
        size = {"height": SHAPE[0], "width": SHAPE[1]}
        write_json(
            top / f"ds1/ann/{name}.jpg.json",
            {"description": "", "tags": [], "size": size, "objects": [item]},
        )
    return ["supervisely", "--source", str(top), "--classes", "object=person_bmp"]


def make_voc(top):
    names = photos(top / "JPEGImages")
    for name in names:
        save(top / f"SegmentationClass/{name}.png", object_mask(1))
    lists = top / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("".join(f"{name}\n" for name in names[:9]))
    (lists / "val.txt").write_text(f"{names[9]}\n")
    (top / "class_names.txt").write_text("background\nobject\n")
    return ["voc", "--source", str(top)]


def make_cvat(top):
    x, y, right, bottom = BOX
    names = photos(top / "pictures")
    images = "".join(
        f'<image id="{n}" name="{name}.jpg" width="{SHAPE[1]}" height="{SHAPE[0]}">'
        f'<polygon label="thing" occluded="0" z_order="0" source="manual" '
        f'points="{x},{y};{right},{y};{right},{bottom};{x},{bottom}"/></image>'
        for n, name in enumerate(names)
    )
    (top / "export").mkdir()
    (top / "export/annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>'
        "<labels><label><name>thing</name></label></labels></task></meta>"
        f"{images}</annotations>"
    )
    return ["cvat", "--source", f"{top}/export", "--images", f"{top}/pictures",
            "--classes", "object=thing"]  # fmt: skip


def make_yolo(top):
    x, y, right, bottom = BOX
    corners = [(x, y), (right, y), (right, bottom), (x, bottom)]
    line = " ".join(f"{a / SHAPE[1]} {b / SHAPE[0]}" for a, b in corners)
    for name in photos(top / "images"):
        (top / "labels").mkdir(exist_ok=True)
        (top / "labels" / f"{name}.txt").write_text(f"0 {line}\n")
    (top / "classes.txt").write_text("person\ncar\n")
    return ["yolo", "--source", top, "--classes", "object=person"]


def make_rgba(top):
    for n in range(COUNT):
        noise = np.random.default_rng(n).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
        save(top / f"i{n}.png", np.dstack([noise, object_mask(255)]))
    return ["rgba", "--source", str(top)]


def make_colours(top):
    for name in photos(top / "images"):
        colours = np.zeros((*SHAPE, 3), np.uint8)
        colours[object_mask() > 0] = (200, 30, 60)
        save(top / "masks" / f"{name}.png", colours)
    (top / "table.txt").write_text("background 0 0 0\nobject 200 30 60\n")
    return ["colours", "--images", f"{top}/images", "--masks", f"{top}/masks",
            "--table", f"{top}/table.txt"]  # fmt: skip


MAKERS = {name[5:]: maker for name, maker in globals().items() if name.startswith("make_")}


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def run(capsys, *words):
    """(exit code, printed, error) of the command in this process."""
    code = main("dataset", ["import", *map(str, words), "--workers", "0"])
    said = capsys.readouterr()
    return code, said.out, said.err


def names_below(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", MAKERS)
def test_every_format_gives_the_same_data_set(name, source, tmp_path, capsys):
    out = tmp_path / "data set"
    code, said, error = run(capsys, *MAKERS[name](source), "--output", out)
    assert (code, error) == (0, "")
    assert f"10 images are in {out}" in said
    assert "train      val\n" in said and "images                    9        1\n" in said
    assert f"check --config '{out}/train.yaml'\n" in said
    assert f"python tools/train.py --config '{out}/train.yaml' --do_eval\n" in said
    assert (out / "classes.txt").read_text().splitlines()[0] == "background"
    masks = sorted((out / "masks").rglob("*.png"))
    assert len(masks) == COUNT
    for path in masks:
        # Outlines are drawn by the rules of each tool, of which some count them in.
        grown = np.pad(object_mask()[:-1, :-1], ((1, 0), (1, 0))) | object_mask()
        stored = read_mask(path) > 0
        assert stored[object_mask() > 0].all() and not stored[grown == 0].any()
    made = json.loads((out / "import.json").read_text())
    assert made["format"] == name and made["parts"]["train"]["images"] == 9
    for paths in made["sources"].values():
        assert all(Path(p).exists() for p in (paths if isinstance(paths, list) else [paths]))

    from paddleseg_u2net.config import Config

    config = Config(str(out / "train.yaml"))
    assert config.num_classes == 1
    assert len(config.dataset("train")) == 9 and len(config.dataset("val")) == 1
    assert config.dataset("val")[0]["label"].max() == 1


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "rgba"])
def test_images_that_are_not_there_in_every_format(name, source, tmp_path, capsys):
    words = [*MAKERS[name](source), "--output", tmp_path / "mine"]
    for path in source.rglob("i[37].jpg"):
        path.unlink()
    code, _, error = run(capsys, *words)
    assert code == 1 and "i3" in error and "i7" in error and "--allow_missing" in error
    assert not (tmp_path / "mine").exists()
    for option in ("--allow_missing", "--skip_bad"):
        code, said, _ = run(capsys, *words, option)
        assert code == 0 and "8 images are in" in said and "i3" in said and "i7" in said
        assert len(list((tmp_path / "mine/masks").rglob("*.png"))) == 8
        assert "i3" in (tmp_path / "mine/import.json").read_text()
        shutil.rmtree(tmp_path / "mine")


def test_classes_are_chosen_merged_and_ignored(source, tmp_path, capsys):
    words = make_colours(source)
    (source / "table.txt").write_text("background 0 0 0\nred 200 30 60\nblue 0 0 255\nsky 9 9 9\n")
    out = tmp_path / "a"
    run(capsys, *words, "--output", out, "--classes", "warm=red", "cold=blue", "--ignore", "sky")
    assert (out / "classes.txt").read_text() == "background\nwarm\ncold\n"
    out = tmp_path / "b"
    run(capsys, *words, "--output", out, "--classes", "any=red,blue", "--ignore", "sky")
    assert (out / "classes.txt").read_text() == "background\nany\n"
    assert np.array_equal(read_mask(out / "masks/i0.png"), object_mask())
    out = tmp_path / "c"
    words += ["--output", out, "--classes", "blue", "sky", "--ignore", "red"]
    code, _, said = run(capsys, *words)
    assert code == 1 and "has any foreground" in said and not out.exists()
    code, said, _ = run(capsys, *words, "--allow_empty")
    assert code == 0
    assert set(np.unique(read_mask(out / "masks/i0.png"))) == {0, 255}
    assert (
        "10 masks have pixels that are ignored" in said
        and "no image of train has any foreground" in said
    )


@pytest.mark.parametrize(
    "table", [["0=0", "255=2", "128=1"], ["{0: 0, 255: 2, 128: 1}"], ["0=0,255=2,128=1"]]
)
def test_mask_values_and_names(source, tmp_path, capsys, table):
    words = make_folders(source)
    out = tmp_path / "x"
    run(capsys, *words, "--output", out, "--mask_values", *table,
        "--classes", "cup", "disc")  # fmt: skip
    assert np.array_equal(read_mask(out / "masks/i0.png"), object_mask(2))
    assert (out / "classes.txt").read_text() == "background\ncup\ndisc\n"
    for wrong in (["0"], ["0=x"], ["0=0", "0=1"], ["0=256"], ["{}"], ["black"], ["index", "soft"]):
        code, _, said = run(capsys, *words, "--output", tmp_path / "y", "--mask_values", *wrong)
        assert code == 1 and "expected auto, index" in said, wrong


def test_places_and_sources_that_cannot_be(source, tmp_path, capsys):
    words = make_folders(source)
    empty = source / "empty"
    empty.mkdir()
    for out, others, error in (
        (source / "images/x", words, "outside of the source"),
        (source, words, "is inside this folder"),
        (tmp_path / "x", [*words[:2], empty, *words[3:]], "empty: expected images"),
        (tmp_path / "x", [*words[:2], tmp_path / "no", *words[3:]], "/no: expected"),
        (tmp_path / "x", [*words, "--val_share", "1"], "val_share: expected 0 or more"),
        (tmp_path / "x", [*words, "--group_by", "(i)"], "10 images in 1 groups cannot be divided"),
    ):
        code, _, said = run(capsys, *others, "--output", out)
        assert code == 1 and error in said, (said, error)
    assert names_below(tmp_path) == ["source"]
    assert names_below(source) == ["empty", "images", "masks"]
    code, said, _ = run(capsys, *words, "--output", tmp_path / "x", "--val_share", "0")
    assert code == 0 and "--do_eval" not in said


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(
    "number, code, workers, to",
    [
        ("SIGTERM", 143, "2", "group"),
        ("SIGINT", 130, "2", "it"),
    ],
)
def test_a_signal_leaves_nothing(tmp_path, number, code, workers, to):
    large = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    for n in range(120):
        path = tmp_path / f"source/images/{n}.png"
        if n:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(tmp_path / "source/images/0.png", path)
        else:
            save(path, large)
        save(tmp_path / f"source/masks/{n}.png", large[..., 0] > 200)
    command = [sys.executable, "tools/dataset.py", "import", "folders", "--mask_values", "binary"]
    command += ["--images", f"{tmp_path}/source/images", "--masks", f"{tmp_path}/source/masks"]
    command += ["--output", str(tmp_path / "out/mine"), "--workers", workers]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = subprocess.Popen(command, cwd=ROOT, **pipes, start_new_session=True)
    end = time.monotonic() + 60
    while not list(tmp_path.glob("out/.mine*/masks/*")) and time.monotonic() < end:
        time.sleep(0.01)
    (os.killpg if to == "group" else os.kill)(child.pid, getattr(signal, number))
    _, error = child.communicate(timeout=60)
    assert child.returncode == code
    assert error.count(b"\n") == 1 and b"rror" not in error, error.decode()
    assert names_below(tmp_path / "out") == []


@pytest.mark.realdata
@pytest.mark.parametrize(
    "images, masks, count, foreground",
    [
        ("ecssd_300/images", "ecssd_300/ground_truth_mask", 300, 0.21),
        ("optic_disc_seg/JPEGImages", "optic_disc_seg/Annotations", 50, 0.03),
        ("optic_disc_seg/JPEGImages", "optic_disc_seg/SoftMaps", 50, 0.03),
    ],
)
def test_reference_data(shared, tmp_path, capsys, images, masks, count, foreground):
    words = ["folders", "--images", shared / "data" / images, "--masks", shared / "data" / masks]
    code, _, error = run(capsys, *words, "--output", tmp_path / "x", "--test_share", "0.1")
    assert code == 0, error
    parts = json.loads((tmp_path / "x/import.json").read_text())["parts"]
    assert sum(part["images"] for part in parts.values()) == count
    for part, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        assert parts[part]["images"] == share * count
        assert parts[part]["foreground"] == pytest.approx(foreground, rel=0.15)


def test_masks_of_another_size_can_be_stretched(source, tmp_path, capsys):
    words = make_folders(source)
    save(source / "masks/i3.png", object_mask(255)[::2, ::2])
    code, _, error = run(capsys, *words, "--output", tmp_path / "x")
    assert code == 1 and "--mismatched_masks resize" in error
    code, said, _ = run(capsys, *words, "--output", tmp_path / "x", "--mismatched_masks", "resize")
    assert code == 0 and "1 masks of another size were stretched" in said
    assert np.array_equal(read_mask(tmp_path / "x/masks/i3.png"), object_mask(1))


@pytest.mark.slow
@pytest.mark.realdata
def test_u2netp_learns_from_an_import(shared, tmp_path, capsys):
    data = shared / "data/optic_disc_seg"
    words = ["--images", data / "JPEGImages", "--masks", data / "Annotations"]
    assert run(capsys, "folders", *words, "--output", tmp_path / "x")[0] == 0
    words = ["--config", f"{tmp_path}/x/train.yaml", "--save_dir", f"{tmp_path}/run", "--do_eval"]
    words += ["--iters", "40", "--opts", "preprocess.size=[64, 64]"]
    words += ["train_dataset.transforms.0.target_size=[64, 64]"]
    words += ["train_dataset.transforms.1.crop_size=[60, 60]"]
    assert main("train", words) == 0
    said = capsys.readouterr().out
    scores = [float(x) for x in re.findall(r"mIoU: ([\d.]+)", said)]
    assert scores[-1] > 0.65  # nothing but background is 0.485


def test_folds_train_and_are_summarised(tmp_path, capsys, monkeypatch):
    """As the documentation has it, but smaller: three folds, a model each, one table."""
    words = ["import", *make_folders(tmp_path / "source"), "--output", str(tmp_path / "mine")]
    assert main("dataset", [*words, "--folds", "3", "--test_share", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "for k in 1 2 3; do python tools/train.py --config" in said
    assert "python tools/val.py --model_path output/fold_*/best_model" in said
    made = json.loads((tmp_path / "mine/import.json").read_text())
    assert [fold["images"] for fold in made["folds"]] == [3, 3, 3]
    assert {part: made["parts"][part]["images"] for part in made["parts"]} == {
        "train": 9,
        "test": 1,
    }
    monkeypatch.chdir(tmp_path)
    whole = set((tmp_path / "mine/train_list.txt").read_text().splitlines())
    seen = []
    for number in (1, 2, 3):
        folder = tmp_path / f"mine/fold_{number}"
        train, val = (
            set((folder / f"{p}_list.txt").read_text().splitlines()) for p in ("train", "val")
        )
        assert train | val == whole and not train & val
        seen += val
        words = ["--config", f"mine/fold_{number}.yaml", "--save_dir", f"output/fold_{number}"]
        words += ["--do_eval", "--iters", "1", "--batch_size", "2", "--opts"]
        assert (
            main("train", [*words, "preprocess.size=[32,32]", "train_dataset.transforms=[]"]) == 0
        )
    assert sorted(seen) == sorted(whole)
    capsys.readouterr()
    models = [f"output/fold_{number}/best_model" for number in (1, 2, 3)]
    assert main("val", ["--model_path", *models, "--json", "folds.json"]) == 0
    content = json.loads((tmp_path / "folds.json").read_text())
    assert list(content["models"]) == ["fold_1", "fold_2", "fold_3"]
    assert content["pooled"]["images"] == 9
    assert np.sum(content["pooled"]["confusion_matrix"]) == 9 * SHAPE[0] * SHAPE[1]
    assert re.search(r"fold_1 +fold_2 +fold_3 +mean +std +pooled", capsys.readouterr().out)


def test_folds_have_no_share_of_validation(tmp_path, capsys):
    words = ["import", *make_folders(tmp_path / "source"), "--output", str(tmp_path / "mine")]
    with pytest.raises(SystemExit):
        main("dataset", [*words, "--folds", "3", "--val_share", "0.2"])
    assert "--val_share: has no effect with --folds" in capsys.readouterr().err
    assert main("dataset", [*words, "--folds", "11"]) == 1
    assert "folds: 10 images cannot be divided into 11" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
