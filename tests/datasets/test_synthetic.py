from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.datasets import synthetic
from paddleseg_u2net.datasets.synthetic import draw_dataset, draw_pair


@pytest.fixture(scope="module")
def pairs():
    return [draw_pair(index) for index in range(10)]


# Other code of OpenCV for the same calls, as on a plainer processor.
PLAINER = {
    "OPENCV_IPP": "disabled",
    "OPENCV_CPU_DISABLE": "AVX2,AVX,FP16,FMA3,SSE4.2,SSE4.1",
}
DIGEST = """
import hashlib
from paddleseg_u2net.datasets.synthetic import draw_pair
digest = hashlib.sha256()
for index in range(20):
    for array in draw_pair(index):
        digest.update(array.tobytes())
print(digest.hexdigest())
"""


def test_same_bytes_as_ever_and_on_another_processor():
    digest = hashlib.sha256()
    for index in range(20):
        for array in draw_pair(index):
            digest.update(array.tobytes())
    assert digest.hexdigest().startswith("29de5ad1ea84e69f")  # of drawing 1
    output = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={**os.environ, **PLAINER, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert output.decode().split()[-1] == digest.hexdigest()


def test_shapes_types_and_values(pairs):
    for image, mask in pairs:
        assert image.shape == (160, 160, 3) and image.dtype == np.uint8
        assert mask.shape == (160, 160) and mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert image.flags.c_contiguous and mask.flags.c_contiguous
        assert image.std() > 4


def test_the_mask_lies_on_the_edges_of_the_image(pairs):
    """A mask moved by two pixels in any direction meets the image's edges less well."""
    strength = {}
    moves = [(0, 0), (0, 2), (0, -2), (2, 0), (-2, 0)]
    for move in moves:
        total = []
        for image, mask in pairs:
            smooth = cv2.GaussianBlur(image.astype(float), (0, 0), 0.8)
            edge = sum(np.abs(np.gradient(smooth, axis=a)).sum(axis=2) for a in (0, 1))
            moved = np.roll(mask, move, axis=(0, 1))
            outline = cv2.morphologyEx(moved, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
            outline[:4] = outline[-4:] = outline[:, :4] = outline[:, -4:] = False
            total.append(edge[outline].mean() / edge.mean())
        strength[move] = np.mean(total)
    assert all(strength[0, 0] > 1.25 * strength[move] for move in moves[1:]), strength


@pytest.mark.parametrize("size", [(160, 160), (32, 32), (40, 200), (230, 97)])
def test_objects_cover_3_to_45_percent(size):
    shares = [(draw_pair(index, seed=1, size=size)[1] > 0).mean() for index in range(25)]
    assert min(shares) >= 0.03
    assert max(shares) <= 0.45
    assert max(shares) > 2 * min(shares)


def test_same_bytes_in_any_order_and_state():
    first = draw_pair(7, seed=5)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        draw_pair(8, seed=5)
        second = draw_pair(7, seed=5)
    finally:
        cv2.setNumThreads(threads)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"index": -1}, "index"),
        ({"index": 0, "seed": -1}, "seed"),
        ({"index": 0, "size": (160, 31)}, "160 x 31"),
    ],
)
def test_wrong_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        draw_pair(**arguments)


def test_dataset_holds_the_drawings(tmp_path):
    draw_dataset(tmp_path / "a" / "b", train=3, val=2, seed=4, size=(40, 48))
    folder = tmp_path / "a" / "b"
    assert sorted(path.name for path in folder.iterdir()) == [
        "drawn.json",
        "images",
        "masks",
        "train_list.txt",
        "val_list.txt",
    ]
    train = (folder / "train_list.txt").read_bytes().decode()
    val = (folder / "val_list.txt").read_bytes().decode()
    assert train == "".join(f"images/0000{i}.png masks/0000{i}.png\n" for i in range(3))
    assert val == "".join(f"images/0000{i}.png masks/0000{i}.png\n" for i in (3, 4))
    for index, line in enumerate((train + val).splitlines()):
        image, mask = (np.array(Image.open(folder / name)) for name in line.split())
        expected = draw_pair(index, seed=4, size=(40, 48))
        np.testing.assert_array_equal(image, expected[0])
        np.testing.assert_array_equal(mask, expected[1])


def test_second_call_draws_nothing(tmp_path):
    draw_dataset(tmp_path, train=2, val=1, size=(32, 32))
    (tmp_path / "images" / "00001.png").write_bytes(b"as it was")
    draw_dataset(tmp_path, train=2, val=1, size=[32, 32])  # a list, as a YAML file gives it
    assert (tmp_path / "images" / "00001.png").read_bytes() == b"as it was"


@pytest.mark.parametrize(
    "other",
    [{"train": 3}, {"val": 2}, {"seed": 1}, {"size": (32, 40)}],
    ids=lambda o: next(iter(o)),
)
def test_other_arguments_are_refused(tmp_path, other):
    arguments = {"train": 2, "val": 1, "seed": 0, "size": (32, 32)}
    draw_dataset(tmp_path, **arguments)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=r"other drawings.*choose another folder, or delete"):
        draw_dataset(tmp_path, **{**arguments, **other})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_call_that_is_cut_off_leaves_nothing(tmp_path, monkeypatch):
    def stop_at_second(path, array):
        if path.name == "00001.png":
            raise KeyboardInterrupt
        write(path, array)

    write = synthetic.write_png
    monkeypatch.setattr(synthetic, "write_png", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        draw_dataset(tmp_path / "a", train=2, val=1, size=(32, 32))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text"),
    [("train_list.txt", "has train_list"), ("drawn.json", "other draw"), ("a.txt", "a.txt that")],
)
def test_foreign_files_are_left_alone(tmp_path, name, text):
    (tmp_path / name).write_text("somebody's")
    with pytest.raises(ValueError, match=f"{text.replace('has', 'holds')}.*choose another folder"):
        draw_dataset(tmp_path, train=1, val=1, size=(32, 32))
    assert (tmp_path / name).read_text() == "somebody's"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "arguments",
    [{"train": -1}, {"val": -1}, {"train": 0, "val": 0}, {"seed": -1}, {"size": (8, 8)}],
)
def test_wrong_dataset_arguments_write_nothing(tmp_path, arguments):
    with pytest.raises(ValueError, match="must be"):
        draw_dataset(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
