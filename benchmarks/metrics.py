"""Saliency metrics: this project against PySODMetrics, the same maps, one thread.

    python benchmarks/metrics.py [--maps FOLDER --masks FOLDER] [--rounds 3] [--images 300]

Maps and masks are PNGs of the same names, read before the clock starts: uint8 maps, bool masks
(above 128). Without folders the 300 ECSSD maps of ../shared are taken; without those, maps are
drawn. Both sides stretch every map by its minimum and maximum. In every round each of them does
each metric alone, then all of them; what is printed are medians over the rounds.
"""

import argparse
import os

# Before NumPy loads its libraries.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import multiprocessing
import time
import warnings
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import cv2
import numpy as np
import py_sod_metrics

from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.metrics import (
    MAE,
    EarthMoversDistance,
    EMeasure,
    Fixations,
    FMeasure,
    MapMaskPair,
    Metric,
    SMeasure,
    WeightedFMeasure,
)

Pictures = List[Tuple[np.ndarray, np.ndarray]]
Means = Dict[str, float]

_PICTURES: Pictures = []  # of a worker

SHARED = Path(__file__).resolve().parents[2] / "shared"
MAPS = SHARED / "oracles" / "ecssd_u2netp_maps"
MASKS = SHARED / "data" / "ecssd_300" / "ground_truth_mask"

THEIRS = {
    "MAE": py_sod_metrics.MAE,
    "F": py_sod_metrics.Fmeasure,
    "weighted F": py_sod_metrics.WeightedFmeasure,
    "S": py_sod_metrics.Smeasure,
    "E": py_sod_metrics.Emeasure,
}
OURS = {"MAE": MAE, "F": FMeasure, "weighted F": WeightedFMeasure, "S": SMeasure, "E": EMeasure}


def _read(maps: Path, masks: Path, count: int) -> Pictures:
    found = []
    for path in sorted(maps.glob("*.png"))[:count]:
        mask = cv2.imread(str(masks / path.name), cv2.IMREAD_GRAYSCALE)
        found.append((cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), mask > 128))
    return found


def _drawn(count: int) -> Pictures:
    """Masks of drawings, and maps as a model has them: soft rims, faint halos, a few misses."""
    found = []
    for index in range(count):
        _, mask = draw_pair(index, size=(300, 400))
        rng = np.random.default_rng(index)
        faint = cv2.GaussianBlur(rng.normal(0, 255, mask.shape), (0, 0), 12)
        soft = cv2.GaussianBlur(mask, (0, 0), 2) + 4 * faint - 20
        found.append((np.clip(soft, 0, 255).astype(np.uint8), mask > 128))
    return found


def _theirs(pictures: Pictures, names: List[str]) -> Means:
    metrics = {name: THEIRS[name]() for name in names}
    for prediction, mask in pictures:
        for metric in metrics.values():
            # It wants 0 and 255 and thresholds them again; the view costs nothing.
            metric.step(prediction, mask.view(np.uint8) * np.uint8(255))
    found: Means = {}
    for name, metric in metrics.items():
        for key, value in metric.get_results().items():
            if key == "pr":
                continue
            if isinstance(value, dict):
                found[f"max {name}"] = float(np.max(value["curve"]))
                found[f"mean {name}"] = float(np.mean(value["curve"]))
                found[f"adaptive {name}"] = float(value["adp"])
            else:
                found[name] = float(value)
    return found


def _ours(pictures: Pictures, names: List[str]) -> Means:
    return _means(_counted(pictures, names))


def _counted(pictures: Pictures, names: List[str]) -> Dict[str, Metric]:
    metrics = {name: OURS[name](stretch="minmax") for name in names}
    for prediction, mask in pictures:
        picture = MapMaskPair(prediction, mask)
        for metric in metrics.values():
            metric.update_pair(picture)
    return metrics


def _means(metrics: Dict[str, Metric]) -> Means:
    found: Means = {}
    for name, metric in metrics.items():
        scores = metric.compute()
        if isinstance(scores, float):
            found[name] = scores
        else:
            for kind in ("max", "mean", "adaptive"):
                found[f"{kind} {name}"] = getattr(scores, f"{kind}_{name.lower()}")
    return found


def _milliseconds(side: Callable, pictures: Pictures, names: List[str]) -> Tuple[float, Means]:
    started = time.perf_counter()
    means = side(pictures, names)
    return 1000 * (time.perf_counter() - started) / len(pictures), means


def compare_sides(pictures: Pictures, rounds: int) -> None:
    """Print times of both sides, alternating, and the largest difference of their means."""
    tasks = {**{name: [name] for name in OURS}, "together": list(OURS)}
    times: Dict[str, List[Tuple[float, float]]] = {task: [] for task in tasks}
    difference = 0.0
    for _ in range(rounds):
        for task, names in tasks.items():
            theirs, expected = _milliseconds(_theirs, pictures, names)
            ours, means = _milliseconds(_ours, pictures, names)
            times[task].append((theirs, ours))
            difference = max(difference, *(abs(means[key] - expected[key]) for key in expected))
    print(f"{'':12}{'PySODMetrics':>14}{'this project':>14}   ms/image, one thread")
    for task, pairs in times.items():
        theirs, ours = np.median(pairs, axis=0)
        ratio = np.median([one / other for one, other in pairs])
        print(f"{task:12}{theirs:14.2f}{ours:14.2f}   ratio {ratio:.1f}")
    print(f"largest difference of the means: {difference:.1e}")


def two_workers(pictures: Pictures, rounds: int) -> None:
    """Print the time of two processes of this project beside one of PySODMetrics."""
    names = list(OURS)
    # Forked, so that both have the pictures already; half of them each.
    with multiprocessing.get_context("fork").Pool(2, _share, (pictures,)) as pool:
        pool.map(_half, [(0, ["MAE"]), (1, ["MAE"])], 1)  # the first call starts them
        times = []
        for _ in range(rounds):
            theirs, expected = _milliseconds(_theirs, pictures, names)
            started = time.perf_counter()
            first, second = pool.map(_half, [(0, names), (1, names)], 1)
            for name, metric in first.items():
                metric.merge(second[name])
            times.append((theirs, 1000 * (time.perf_counter() - started) / len(pictures)))
    means = _means(first)
    difference = max(abs(means[key] - expected[key]) for key in expected)
    theirs, ours = np.median(times, axis=0)
    ratio = np.median([one / other for one, other in times])
    print(f"two workers {theirs:14.2f}{ours:14.2f}   ratio {ratio:.1f}")
    print(f"largest difference of the means: {difference:.1e}")


def _share(pictures: Pictures) -> None:
    global _PICTURES
    _PICTURES = pictures


def _half(task: Tuple[int, List[str]]) -> Dict[str, Metric]:
    start, names = task
    return _counted(_PICTURES[start::2], names)


def earth_movers(pictures: Pictures) -> None:
    """Print what the earth mover's distance takes, which PySODMetrics does not have."""
    times = []
    for prediction, mask in pictures:
        fixations = Fixations.from_mask(mask)
        started = time.perf_counter()
        EarthMoversDistance().update(prediction, fixations)
        times.append(1000 * (time.perf_counter() - started))
    print(
        f"EMD, longer side of 14 cells: mean {np.mean(times):.1f} ms/image, "
        f"median {np.median(times):.1f}, largest {max(times):.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=MAPS)
    parser.add_argument("--masks", type=Path, default=MASKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=300)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore")  # PySODMetrics announces its next version
    if arguments.maps.is_dir() and arguments.masks.is_dir():
        pictures = _read(arguments.maps, arguments.masks, arguments.images)
        print(f"{len(pictures)} maps of {arguments.maps}")
    else:
        pictures = _drawn(arguments.images)
        print(f"{len(pictures)} drawn maps")
    compare_sides(pictures, arguments.rounds)
    two_workers(pictures, arguments.rounds)
    earth_movers(pictures)


if __name__ == "__main__":
    main()
