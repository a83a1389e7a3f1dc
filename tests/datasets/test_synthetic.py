from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.datasets.synthetic import draw_dataset, draw_pair

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


@pytest.mark.parametrize("size", [(160, 160), (32, 32), (40, 200), (230, 97)])
def test_objects_cover_3_to_45_percent(size):
    shares = [(draw_pair(index, seed=1, size=size)[1] > 0).mean() for index in range(25)]
    assert min(shares) >= 0.03
    assert max(shares) <= 0.45
    assert max(shares) > 2 * min(shares)


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


@pytest.mark.parametrize(
    "other",
    [{"train": 3}, {"val": 2}, {"seed": 1}, {"size": (32, 40)}],
    ids=lambda o: next(iter(o)),
)
def test_other_arguments_are_refused(tmp_path, other):
    arguments = {"train": 2, "val": 1, "seed": 0, "size": (32, 32)}
    draw_dataset(tmp_path, **arguments)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match="with something in it: move it away"):
        draw_dataset(tmp_path, **{**arguments, **other})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
