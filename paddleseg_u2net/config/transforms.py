"""Augmentation in a configuration: what PaddleSeg's transforms are given, and which are refused."""

from __future__ import annotations

import inspect
import random
from typing import Any, List, Mapping

import numpy as np
from paddleseg.cvlibs import manager

from paddleseg_u2net.config.component import build, said
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import Faults, check_component
from paddleseg_u2net.datasets.augment import TransformError, check_transform

_LABEL, _IGNORED = "label_padding_value", "ignore_index"


def with_ignore_index(transforms: Any, ignore_index: int) -> List[Any]:
    """Copies of transforms' settings, so that what they pad masks with is ignored by the loss."""
    return [_told(item, ignore_index) for item in transforms or []]


def _told(item: Any, ignore_index: int) -> Any:
    if isinstance(item, list):
        return [_told(part, ignore_index) for part in item]
    if not isinstance(item, dict):
        return item
    told = {key: _told(value, ignore_index) for key, value in item.items()}
    kind = manager.TRANSFORMS.components_dict.get(str(item.get("type")))
    for key in {_LABEL, _IGNORED} & set(inspect.signature(kind).parameters if kind else ()):
        told.setdefault(key, ignore_index)
    return told


def check_transforms(transforms: Any, config: Any, faults: Faults, training: bool) -> None:
    """Check ``train_dataset.transforms`` of ``config``; for training they are also built."""
    where = "train_dataset.transforms"
    if not isinstance(transforms, list):
        faults.add(where, f"expected a list, got {transforms!r}")
        return
    for number, item in enumerate(transforms):
        _check(f"{where}.{number}", item, config, faults, training)


def _check(where: str, item: Any, config: Any, faults: Faults, training: bool) -> None:
    if isinstance(item, Mapping) and item.get("type") in ("Normalize", "Compose"):
        faults.add(where, f"{item['type']} is done by preprocess; delete it here")
        return
    known = manager.TRANSFORMS.components_dict
    # Without training nothing is transformed, and models of older runs shall open.
    if not check_component(where, item, known, faults) or not training:
        return
    if item["type"] == "RandomDistort" and config.in_channels != 3:
        faults.add(
            where,
            f"RandomDistort is for RGB, model.in_channels is {config.in_channels}; delete it here",
        )
    if not faults.under("model.num_classes", "loss"):
        _check_padding(where, item, config, faults)
    if faults.under(where):
        return
    state = random.getstate(), np.random.get_state()
    try:
        check_transform(build(with_ignore_index([item], config.ignore_index)[0]))
    except TransformError as error:
        faults.add(where, str(error))
    except Exception as error:
        faults.add(where, f"{item['type']} cannot be made of this: {said(error)}")
    if random.getstate() != state[0] or str(np.random.get_state()) != str(state[1]):
        random.setstate(state[0])
        np.random.set_state(state[1])
        faults.add(
            where,
            f"{item['type']} draws a random number when it is made, once for all images and anew "
            "when a run is resumed; give it one value (for sizes that change from image to image "
            "take ResizeStepScaling or ResizeRangeScaling)",
        )


def _check_padding(where: str, item: Tree, config: Any, faults: Faults) -> None:
    ignored = config.ignore_index
    labels = [*range(max(config.num_classes, 2)), ignored]
    if item.get(_LABEL, ignored) not in labels:
        faults.add(
            f"{where}.{_LABEL}",
            f"expected a class, 0 to {labels[-2]}, or the loss's ignore_index, {ignored}, got "
            f"{item[_LABEL]!r}; delete it: the default is that ignore_index",
        )
    if item.get(_IGNORED, ignored) != ignored:
        faults.add(
            f"{where}.{_IGNORED}",
            f"the loss says {ignored}, this says {item[_IGNORED]!r}; delete it here",
        )
