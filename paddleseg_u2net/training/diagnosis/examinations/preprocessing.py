"""What the network is given: its statistics, and training's against prediction's.

Of 40 to 48 pairs each with ImageNet's mean and std at 128 pixels, the mean of channels lies between
-1.58 and .06, the standard deviation inside an image between .12 and .94 (optic disc, person,
ECSSD, our drawings). Limits are two to three times as far.
"""

from __future__ import annotations

from itertools import permutations
from typing import Iterator, List, Tuple

import numpy as np

from paddleseg_u2net.inference.preprocess import IMAGENET_MEAN, IMAGENET_STD
from paddleseg_u2net.text import short_list
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import (
    CERTAIN,
    ERROR,
    LIKELY,
    NOTE,
    WARNING,
    Finding,
)
from paddleseg_u2net.training.diagnosis.subject import Subject

_FLAT, _FAR, _WIDE = 0.04, 4.0, 4.0
_CONSTANT = 1.0  # grey levels of 255, of an image's standard deviation


def _run(subject: Subject) -> Result:
    statistics = [_statistics(subject.inputs(sample)) for sample in subject.samples]
    mean, std = np.mean(statistics, axis=0)
    height, width = subject.samples[0].target.shape
    shown = ", ".join(f"{m:.2f} +- {s:.2f}" for m, s in zip(mean, std))
    result = Result(
        f"The network is given images of {width} x {height}, channels "
        f"{shown} (mean +- standard deviation inside an image).",
        measured={"mean": mean.tolist(), "std": std.tolist()},
    )
    result.findings += list(_constant(subject)) or [
        *_normalisation(mean, std, subject),
        *_against_prediction(subject),
    ]
    return result


def _statistics(inputs: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each channel of (C, H, W), (2, C)."""
    return np.stack([inputs.mean((1, 2)), inputs.std((1, 2))])


def _constant(subject: Subject) -> Iterator[Finding]:
    samples = subject.samples
    flat = [sample for sample in samples if sample.seen.std((0, 1)).max() < _CONSTANT]
    named = short_list([sample.name for sample in flat])
    if len(flat) > 0.5 * len(samples):
        by_transforms = all(sample.image.std((0, 1)).max() >= _CONSTANT for sample in flat)
        whose = "behind the transforms, " if by_transforms else ""
        repair = "look at train_dataset.transforms" if by_transforms else "look at the files"
        yield Finding(
            "images_constant",
            ERROR,
            CERTAIN,
            f"{len(flat)} of {len(samples)} images are of one colour {whose}({named}): there is "
            f"nothing to see in them; {repair}.",
        )
    elif flat:
        yield Finding(
            "some_images_constant",
            NOTE,
            CERTAIN,
            f"{len(flat)} of {len(samples)} images are of one colour ({named}).",
        )
    different = len({sample.image.tobytes() for sample in samples})
    if not flat and len(samples) > 1 and different <= 0.5 * len(samples):
        yield Finding(
            "images_constant",
            ERROR,
            CERTAIN,
            f"{len(samples)} pairs have only {different} different images: the same image again "
            "and again; look at how images are listed.",
        )


def _normalisation(mean: np.ndarray, std: np.ndarray, subject: Subject) -> Iterator[Finding]:
    spoilt = std.max() < _FLAT
    if not (spoilt or np.abs(mean).max() > _FAR or std.max() > _WIDE):
        yield from _order_of_means(subject)
        return
    of_255 = max(subject.preprocess.mean) > 1.5 or max(subject.preprocess.std) > 3
    why = (
        "preprocess.mean and std are of values from 0 to 255, here they are of values from 0 to 1"
        if of_255
        else "preprocess.mean and std do not fit the images, or a transform normalises them already"
    )
    channels = len(mean)
    good = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.5,) * channels,) * 2
    yield Finding(
        "normalisation",
        ERROR if spoilt else WARNING,
        CERTAIN if spoilt or of_255 else LIKELY,
        f"The network's input has means of {mean.min():.3g} to {mean.max():.3g} and standard "
        f"deviations of {std.min():.3g} to {std.max():.3g}, expected about 0 and 1: {why}.",
        f"preprocess:\n  mean: {list(good[0])}\n  std: {list(good[1])}",
    )


def _order_of_means(subject: Subject) -> Iterator[Finding]:
    if np.allclose(subject.preprocess.mean, IMAGENET_MEAN[::-1]) and len(set(IMAGENET_MEAN)) > 1:
        yield Finding(
            "channel_order",
            NOTE,
            CERTAIN,
            "preprocess.mean is ImageNet's in the order blue, green, red; images are read as red, "
            "green, blue here. With weights of your own it hardly matters, with pretrained ones "
            "it does.",
            f"preprocess:\n  mean: {list(IMAGENET_MEAN)}\n  std: {list(IMAGENET_STD)}",
        )


def _against_prediction(subject: Subject) -> Iterator[Finding]:
    trained = np.stack([_quantiles(sample.seen) for sample in subject.samples])
    predicted = np.stack([_quantiles(sample.image) for sample in subject.samples])
    order, share = _channel_order(trained, predicted)
    if order:
        yield Finding(
            "channels_shuffled",
            ERROR,
            CERTAIN,
            f"In {share:.0%} of the images the channels that training gives the network fit "
            f"prediction's in the order {list(order)} instead of [0, 1, 2]: one of "
            "train_dataset.transforms exchanges channels (RGB and BGR). What is learned does not "
            "hold in validation and prediction, which read RGB.",
        )
        return
    # Of each image, in standard deviations of what prediction sees.
    spread = predicted.std(2).mean(0)
    shift = (trained - predicted).mean(2) / np.maximum(spread, 1e-6)
    sure = np.abs(shift.mean(0)) > 4 * shift.std(0) / np.sqrt(len(shift))
    ratio = trained.std(2).mean(0) / np.maximum(spread, 1e-6)
    if (sure & (np.abs(shift.mean(0)) > 0.5)).any() or ratio.min() < 0.5 or ratio.max() > 2:
        yield Finding(
            "training_differs_from_prediction",
            WARNING,
            LIKELY,
            f"What training gives the network differs from what prediction gives it of the same "
            f"images: shifted by {_worst(shift.mean(0)):.2f} standard deviations, contrast times "
            f"{_worst(ratio - 1) + 1:.2f}. Look at the transforms that change colours; sizes and "
            "normalisation belong into preprocess, which both read.",
        )


def _quantiles(image: np.ndarray) -> np.ndarray:
    """From the 5th to the 95th percentile of each channel of uint8 (H, W, C), 0 to 1, (C, 10)."""
    values = image.reshape(-1, image.shape[2]) / 255
    return np.quantile(values, np.linspace(0.05, 0.95, 10), axis=0).T


def _worst(values: np.ndarray) -> float:
    return float(values[np.abs(values).argmax()])


def _channel_order(trained: np.ndarray, predicted: np.ndarray) -> Tuple[Tuple[int, ...], float]:
    """The order of channels that most images are in, and their share; () for the right one.
    Both are `_quantiles` (N, C, 10).
    """
    if trained.shape[1] != 3:
        return (), 0.0
    orders = list(permutations(range(3)))
    costs = np.stack([np.abs(trained[:, list(o)] - predicted).mean((1, 2)) for o in orders], axis=1)
    # Grey images fit in any order.
    told = np.ptp(costs, axis=1) > 0.03
    found: List[int] = costs[told].argmin(1).tolist()
    if len(found) < 3:
        return (), 0.0
    best = max(set(found), key=found.count)
    share = found.count(best) / len(found)
    clear = costs[told][:, best].mean() < 0.5 * costs[told][:, 0].mean()
    if best == 0 or share < 0.8 or not clear:
        return (), share
    return orders[best], share


register(Examination("preprocessing", "what training gives the network, what prediction", 30, _run))
