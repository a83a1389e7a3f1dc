"""What guided upsampling gains over bilinear: scores of both sides and seconds per picture.

    python benchmarks/upsampling.py [--scan] [--large 3] [--cache FOLDER]

Maps are those of the official U2NetP weights at 320x320 on ONNX Runtime, stretched to [0, 1]. Every
6th pair of ECSSD is what ``--scan`` chose the settings on; the others are reported. "ECSSD, map
64x64" are the same pictures with their maps reduced, so that map and picture are as far from each
other as 320x320 and a picture of 3 megapixels; 24x24 is as far as from 20. The 20-megapixel
pictures are drawn by `datasets.synthetic`, for photographs of that size with masks as fine are not
at hand; their maps are the network's. Of the optic disc, which these weights do not know, the mask
itself, reduced, is the map: what happens where experts drew an outline that is no edge of the
picture. ``--cache`` keeps the maps of photographs between runs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Callable, List, NamedTuple, Optional

import cv2
import numpy as np

from paddleseg_u2net.architecture import TABLES
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.inference.backends import BACKENDS, Model
from paddleseg_u2net.inference.preprocess import minmax_normalise, resize_planes
from paddleseg_u2net.inference.upsampling import guided
from paddleseg_u2net.io.images import image_size, read_image, read_mask
from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.weights import read_weights
from paddleseg_u2net.weights.onnx_write import onnx_bytes

SHARED = Path(__file__).resolve().parents[2] / "shared"
SCORES = ("relaxF", "BIoU", "mBA", "MAE", "maxF", "S", "mIoU")
LARGE = (3648, 5472)
CHOSEN_ON = slice(0, None, 6)

# uint8 (H, W, C) -> float32 (1, 320, 320)
Maps = Callable[[np.ndarray], np.ndarray]
# maps and picture -> maps at the picture's size
Side = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Pair(NamedTuple):
    """``maps`` are float32 (1, h, w), ``image`` uint8 (H, W, 3), ``mask`` bool (H, W)."""

    maps: np.ndarray
    image: np.ndarray
    mask: np.ndarray


def _network() -> Maps:
    state = read_weights(SHARED / "weights/u2netp.pth")
    model = Model("onnx", {"model.onnx": onnx_bytes(state, TABLES["U2NetP"], sides=False)})
    network = BACKENDS["onnxruntime"].load(model, None, "cpu")
    preprocess = Preprocess((320, 320), type="official")
    return lambda image: minmax_normalise(network(preprocess(image)[None])[0]).astype(np.float32)


def _read(name: str, images: str, masks: str, maps: Maps, cache: Optional[Path]) -> List[Pair]:
    """The pairs of a folder whose image and mask are of one size."""
    pairs = []
    for file in sorted((SHARED / "data" / name / images).iterdir()):
        mask_file = next((SHARED / "data" / name / masks).glob(file.stem + ".*"))
        if image_size(file) != image_size(mask_file):
            continue
        image, mask = read_image(file), read_mask(mask_file)
        kept = cache / f"{name}_{file.stem}.npy" if cache else None
        if kept and kept.is_file():
            found = np.load(kept)
        else:
            found = maps(image)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                np.save(kept, found)
        pairs.append(Pair(found, image, mask > (0 if mask.max() == 1 else 127)))
    return pairs


def _reduced(pairs: List[Pair], side: int) -> List[Pair]:
    """The same with smaller maps."""

    def small(maps: np.ndarray) -> np.ndarray:
        size = (side, side)
        found = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in maps]
        return np.clip(np.stack(found), 0, 1)

    return [pair._replace(maps=small(pair.maps)) for pair in pairs]


def _scores(pairs: List[Pair], side: Side) -> np.ndarray:
    report = MetricReport(1, names=SCORES)
    for maps, image, mask in pairs:
        report.update(side(maps, image)[0], mask.astype(np.float32))
    values = report.values()
    return np.array([values[name] for name in SCORES])


def _bilinear(maps: np.ndarray, image: np.ndarray) -> np.ndarray:
    return resize_planes(maps, image.shape[:2])


def _seconds(pairs: List[Pair], side: Side) -> float:
    """Median over pictures."""
    times = []
    for maps, image, _ in pairs[:30]:
        started = time.perf_counter()
        side(maps, image)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _line(title: str, values: np.ndarray, end: str, sign: str = "") -> None:
    print(f"{title:46}" + "".join(f"{value:{sign}9.4f}" for value in values) + end, flush=True)


def compare(title: str, pairs: List[Pair]) -> None:
    """Print both sides' scores, their difference, and seconds per picture."""
    seconds = [min(_seconds(pairs, side) for _ in range(3)) for side in (_bilinear, guided)]
    plain, along_edges = _scores(pairs, _bilinear), _scores(pairs, guided)
    _line(f"{title} ({len(pairs)}), bilinear", plain, f"{seconds[0]:10.4f}")
    _line("  guided", along_edges, f"{seconds[1]:10.4f}")
    _line("  gain (of MAE: less is better)", along_edges - plain, "", "+")


def scan(pairs: List[Pair]) -> None:
    """Print what each setting gains on the pairs that settings are chosen on."""
    for side in (320, 64, 24):
        some = _reduced(pairs, side) if side < 320 else pairs
        plain = _scores(some, _bilinear)
        _line(f"map {side}x{side}, bilinear", plain, "")
        for radius in (1, 2, 4):
            for epsilon in (1e-2, 1e-3, 1e-4, 1e-5):

                def with_these(
                    maps: np.ndarray, image: np.ndarray, r: int = radius, e: float = epsilon
                ) -> np.ndarray:
                    return guided(maps, image, r, e)

                gain = _scores(some, with_these) - plain
                _line(f"  radius {radius}, epsilon {epsilon:g}", gain, "", "+")


def _drawn(count: int, maps: Maps) -> List[Pair]:
    pairs = []
    for index in range(count):
        image, mask = draw_pair(index, size=LARGE)
        pairs.append(Pair(maps(image), image, mask > 127))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", action="store_true", help="settings, on every 6th of ECSSD")
    parser.add_argument("--large", type=int, default=3, help="drawn pictures of 20 megapixels")
    parser.add_argument("--cache", type=Path, help="folder that keeps maps between runs")
    arguments = parser.parse_args()
    maps = _network()
    ecssd = _read("ecssd_300", "images", "ground_truth_mask", maps, arguments.cache)
    print(f"{'':46}" + "".join(f"{name:>9}" for name in SCORES) + "   s/image")
    if arguments.scan:
        scan(ecssd[CHOSEN_ON])
        return
    del ecssd[CHOSEN_ON]
    compare("ECSSD", ecssd)
    for side in (64, 24):
        compare(f"ECSSD, map {side}x{side}", _reduced(ecssd, side))
    compare("person", _read("person_290", "images", "masks", maps, arguments.cache))
    disc = _read("optic_disc_seg", "JPEGImages", "Annotations", lambda image: image, None)
    disc = [pair._replace(maps=pair.mask[None].astype(np.float32)) for pair in disc]
    compare("optic disc, mask at 64x64", _reduced(disc, 64))
    if arguments.large:
        compare("drawn, 20 MP", _drawn(arguments.large, maps))


if __name__ == "__main__":
    main()
