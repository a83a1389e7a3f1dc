"""Reading and augmenting: this project's data set against PaddleSeg's, the same work, one process.

    python benchmarks/reading.py [--root FOLDER --list train_list.txt] [--rounds 3]

Without a folder, photograph-like drawings are written as 720x620 JPEGs. Both sides read image and
mask, resize to 320, crop 288, flip in both directions and normalise to float32 (3, 288, 288).
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Callable

import numpy as np

from paddleseg_u2net.env import load_paddle

load_paddle()

import paddleseg.transforms as T
from paddleseg.datasets import Dataset
from PIL import Image

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.augment import RandomCrop
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.inference.preprocess import IMAGENET_MEAN, IMAGENET_STD


def _drawings(folder: Path, count: int) -> None:
    lines = []
    for index in range(count):
        image, mask = draw_pair(index, size=(620, 720))
        Image.fromarray(image).save(folder / f"{index}.jpg", quality=90)
        Image.fromarray(mask // 255).save(folder / f"{index}.png")
        lines.append(f"{index}.jpg {index}.png\n")
    (folder / "train_list.txt").write_text("".join(lines))


def _theirs(root: Path, list_name: str):
    transforms = [
        T.Resize((320, 320)),
        T.RandomPaddingCrop((288, 288)),
        T.RandomHorizontalFlip(0.5),
        T.RandomVerticalFlip(0.5),
        T.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]
    dataset = Dataset("train", str(root), transforms, 2, train_path=str(root / list_name))
    return len(dataset), lambda epoch, index: dataset[index]


def _ours(root: Path, list_name: str):
    transforms = [
        T.Resize((320, 320)),
        RandomCrop((288, 288)),
        T.RandomHorizontalFlip(0.5),
        T.RandomVerticalFlip(0.5),
    ]
    dataset = PairDataset(
        "train", dataset_root=str(root), train_path=list_name, transforms=transforms
    )
    preprocess = Preprocess()

    def read(epoch: int, index: int):
        image, label = dataset.augmented(index, (0, epoch, index))  # as the training's loader does
        return preprocess(image, resize=False), label

    return len(dataset), read


def _rate(count: int, read: Callable, epoch: int) -> float:
    started = time.perf_counter()
    for index in range(count):
        read(epoch, index)
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--list", default="train_list.txt")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.root or Path(temporary)
        if arguments.root is None:
            _drawings(root, 40)
        theirs, ours = _theirs(root, arguments.list), _ours(root, arguments.list)
        rates = []
        for number in range(arguments.rounds):
            rates.append((_rate(*theirs, number), _rate(*ours, number)))
            print(f"PaddleSeg {rates[-1][0]:6.1f}   this project {rates[-1][1]:6.1f}   images/s")
    best = np.max(rates, axis=0)
    print(f"ratio of the best rounds: {best[1] / best[0]:.2f}")


if __name__ == "__main__":
    main()
