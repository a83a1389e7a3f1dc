"""Reading through the cache against decoding: the same batches, one process, in turn.

    python benchmarks/cache.py [--root FOLDER --list train_list.txt] [--pairs 24] [--rounds 3]

Without a folder, drawings with the grain of a camera are written as 2000x1700 JPEGs of quality
92, with PNG masks. Each round reads every pair with the recipe of 320 (resize, crop 288, flips)
without and with the cache, as `PairDataset.augmented` does; the last line adds the normalising to
float32, which the cache leaves as it is. The first pass, which fills the cache, is timed on its
own. All files are in the system's memory by then, as they are not in a first epoch.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from paddleseg_u2net.env import load_paddle

load_paddle()

import cv2
import paddleseg.transforms as T
from PIL import Image

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.augment import RandomCrop
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.inference import Preprocess

_SIZE = (1700, 2000)


def _drawings(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for index in range(count):
        image, mask = (
            cv2.resize(part, _SIZE[::-1], interpolation=how)
            for part, how in zip(
                draw_pair(index, size=(425, 500)), (cv2.INTER_CUBIC, cv2.INTER_NEAREST)
            )
        )
        grain = rng.normal(0, 4, image.shape)
        image = np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{index}.jpg", quality=92)
        Image.fromarray(mask).save(folder / f"{index}.png")
        lines.append(f"{index}.jpg {index}.png\n")
    (folder / "train_list.txt").write_text("".join(lines))
    size = sum(file.stat().st_size for file in folder.glob("*.jpg")) / count
    print(f"{count} drawings of {_SIZE[1]}x{_SIZE[0]}, JPEGs of {size / 1e6:.1f} MB")


def _dataset(root: Path, list_name: str, cache=None) -> PairDataset:
    transforms = [
        T.Resize((320, 320)),
        RandomCrop((288, 288)),
        T.RandomHorizontalFlip(0.5),
        T.RandomVerticalFlip(0.5),
    ]
    return PairDataset(
        "train", dataset_root=str(root), train_path=list_name, transforms=transforms, cache=cache
    )


def _rate(dataset: PairDataset, epoch: int, finish=lambda image: image) -> float:
    started = time.perf_counter()
    for index in range(len(dataset)):
        image, _ = dataset.augmented(index, (epoch, index))
        finish(image)
    return len(dataset) / (time.perf_counter() - started)


def _same(plain: PairDataset, cached: PairDataset) -> bool:
    return all(
        np.array_equal(one, other)
        for index in range(len(plain))
        for one, other in zip(
            plain.augmented(index, (0, index)), cached.augmented(index, (0, index))
        )
    )


def _compare(root: Path, list_name: str, folder: str, rounds: int) -> None:
    plain = _dataset(root, list_name)
    _rate(plain, 0)  # brings the files into memory
    cached = _dataset(root, list_name, {"limit": "20 GB", "folder": folder})
    print(cached.describe())
    print(f"filling the cache        {_rate(cached, 0):8.1f} images/s")
    normalise = Preprocess()
    rates = []
    for number in range(rounds):
        row = [_rate(plain, number), _rate(cached, number)]
        row += [
            _rate(dataset, number, lambda image: normalise(image, resize=False))
            for dataset in (plain, cached)
        ]
        rates.append(row)
        print(f"decoding {row[0]:8.1f}   cached {row[1]:8.1f}   images/s")
    best = np.max(rates, axis=0)
    print(f"the samples are the same: {_same(plain, cached)}")
    print(f"ratio of the best rounds: {best[1] / best[0]:.1f}")
    print(
        f"normalised: decoding {best[2]:.1f}, cached {best[3]:.1f} images/s, "
        f"ratio {best[3] / best[2]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--list", default="train_list.txt")
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.root or Path(temporary)
        if arguments.root is None:
            _drawings(root, arguments.pairs)
        _compare(root, arguments.list, f"{temporary}/cache", arguments.rounds)


if __name__ == "__main__":
    main()
