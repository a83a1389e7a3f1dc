"""PaddleSeg's transforms: ``Normalize`` and what validation does become ``preprocess``; those of
training that are wrong in PaddleSeg 2.8.0 become this project's of the right behaviour.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from paddleseg_u2net.config.paddleseg.data import channels_of
from paddleseg_u2net.config.reading import Tree

Lines = List[str]

# What may stand behind Normalize in training: it neither reads values nor sets any.
_MOVES = {
    "LimitLong",
    "RandomCenterCrop",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomScaleAspect",
    "RandomVerticalFlip",
    "Resize",
    "ResizeByLong",
    "ResizeByShort",
    "ResizeRangeScaling",
    "ResizeStepScaling",
}
_ASIS = (0.0, 1 / 255)
"""Mean and std that leave 8-bit values as they are, which networks see without Normalize."""


class _Section(NamedTuple):
    """A section's transforms without Normalize, and its mean and std; None where it has none."""

    items: List[Dict[str, Any]]
    normalised: Optional[Tuple[List[float], List[float]]]


def translate(tree: Tree, said: Lines, faults: Lines) -> None:
    """Give ``tree`` a ``preprocess`` for the transforms of its data sets."""
    sections = {}
    for part in ("train", "val"):
        block = tree.get(f"{part}_dataset")
        listed: Any = (block.get("transforms") or []) if isinstance(block, dict) else None
        if _are_items(listed):
            sections[part] = _section(f"{part}_dataset", listed, faults)
    preprocess = dict(tree.get("preprocess") or {})
    said_channels = channels_of(tree.get("model"))
    channels = said_channels if said_channels in (1, 3, 4) else 3
    _set_normalisation(preprocess, sections, channels, said, faults)
    if "val" in sections:
        slides = bool((tree.get("test_config") or {}).get("is_slide"))
        _set_fit(preprocess, sections["val"].items, slides, said, faults)
        tree["val_dataset"].pop("transforms", None)
    if "train" in sections:
        items = [
            _mended(f"train_dataset.transforms.{number}", item, said, faults)
            for number, item in enumerate(sections["train"].items)
        ]
        # also where there are none: else images would be resized
        tree["train_dataset"]["transforms"] = items
    tree["preprocess"] = preprocess


def _are_items(transforms: Any) -> bool:
    """Whether it is a list of transforms; what is none is refused with the other sections."""
    return isinstance(transforms, list) and all(
        isinstance(item, dict) and isinstance(item.get("type"), str) for item in transforms
    )


def _section(key: str, transforms: List[Dict[str, Any]], faults: Lines) -> _Section:
    where = [number for number, item in enumerate(transforms) if item["type"] == "Normalize"]
    if len(where) > 1:
        faults.append(f"{key}.transforms.{where[1]}: Normalize stands there twice; keep one")
    items = [item for item in transforms if item["type"] != "Normalize"]
    if not where:
        return _Section(items, None)
    for number in range(where[0] + 1, len(transforms)):
        kind = transforms[number]["type"]
        if kind not in _MOVES and kind != "Normalize":
            faults.append(
                f"{key}.transforms.{number}: {kind} stands behind Normalize, where values are no "
                "8-bit colours any more; put Normalize last"
            )
    item = transforms[where[0]]
    for name in item:
        if name not in ("type", "mean", "std"):
            faults.append(
                f"{key}.transforms.{where[0]}.{name}: Normalize has no such key; known: mean, std"
            )
    return _Section(items, (_values(item, "mean"), _values(item, "std")))


def _values(item: Mapping[str, Any], name: str) -> List[float]:
    """As many as there are; PaddleSeg's own are 0.5."""
    found = item.get(name, [0.5])
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _set_normalisation(
    preprocess: Tree,
    sections: Mapping[str, _Section],
    channels: int,
    said: Lines,
    faults: Lines,
) -> None:
    every = {part: _spread(section.normalised, channels) for part, section in sections.items()}
    if not every:
        return
    used = every.get("val", every.get("train"))
    given = [key for key in ("mean", "std") if preprocess.get(key) is not None]
    if given:
        said.append(f"Normalize is left out: preprocess has {' and '.join(given)} already")
    elif len(every) == 2 and every["train"] != every["val"]:
        train, val = (_told(sections[part].normalised) for part in ("train", "val"))
        faults.append(
            f"Normalize: train_dataset has mean and std {train}, val_dataset {val}: a network "
            "would be scored on other colours than it learned from; make them alike, or give both "
            "with --opts preprocess.mean=[...] preprocess.std=[...]"
        )
    if used is None:
        return
    mean, std = used
    preprocess.setdefault("mean", mean)
    preprocess.setdefault("std", std)
    if given:
        return
    if all(section.normalised is None for section in sections.values()):
        said.append(
            "no Normalize -> preprocess.mean 0 and std 1/255: the network sees values of 0 to 255"
        )
    else:
        said.append(f"Normalize -> preprocess.mean {mean}, std {std}")


def _spread(
    found: Optional[Tuple[List[float], List[float]]], channels: int
) -> Tuple[List[float], List[float]]:
    mean, std = found or ([_ASIS[0]], [_ASIS[1]])
    spread = [list(values) * channels if len(values) == 1 else values for values in (mean, std)]
    return spread[0], spread[1]


def _told(found: Optional[Tuple[List[float], List[float]]]) -> str:
    return "none" if found is None else f"{found[0]} and {found[1]}"


def _resize(item: Mapping[str, Any]) -> Dict[str, Any]:
    further = {}
    if item.get("keep_ratio"):
        further["keep_ratio"] = True
    if item.get("size_divisor"):
        further["multiple"] = item["size_divisor"]
    return {"resize": item.get("target_size", [512, 512]), **further}


def _step(item: Mapping[str, Any], name: str, value: Any, *further: str) -> Dict[str, Any]:
    """A step of `preprocess.fit`; ``further`` are its other key and what that is called there."""
    key, other = further or ("", "")
    return {name: value, **({key: item[other]} if item.get(other) is not None else {})}


# What may bring an image to its size in validation, as steps of `preprocess.fit`.
_STEPS: Dict[str, Tuple[Tuple[str, ...], Callable[[Mapping[str, Any]], Dict[str, Any]]]] = {
    "Resize": (("target_size", "keep_ratio", "size_divisor", "interp"), _resize),
    "ResizeByShort": (
        ("short_size", "max_size"),
        lambda item: _step(item, "short", item.get("short_size"), "longest", "max_size"),
    ),
    "ResizeByLong": (("long_size",), lambda item: _step(item, "long", item.get("long_size"))),
    "LimitLong": (
        ("min_long", "max_long"),
        lambda item: _step(item, "limit", [item.get("min_long"), item.get("max_long")]),
    ),
    "Padding": (
        ("target_size", "im_padding_value", "label_padding_value"),
        lambda item: _step(item, "pad", item.get("target_size"), "value", "im_padding_value"),
    ),
    "PaddingByAspectRatio": (
        ("aspect_ratio", "im_padding_value", "label_padding_value"),
        lambda item: _step(
            item, "pad_to_ratio", item.get("aspect_ratio", 1), "value", "im_padding_value"
        ),
    ),
}


def _set_fit(
    preprocess: Tree, items: List[Dict[str, Any]], slides: bool, said: Lines, faults: Lines
) -> None:
    steps = []
    for number, item in enumerate(items):
        where, kind = f"val_dataset.transforms.{number}", item["type"]
        if kind not in _STEPS:
            faults.append(
                f"{where}: {kind} has no place in validation, which sees an image as prediction "
                f"does: it may be {', '.join(_STEPS)} and Normalize; delete it"
            )
            continue
        keys, make = _STEPS[kind]
        strange = [key for key in item if key not in ("type", *keys)]
        if strange:
            faults.append(f"{where}.{strange[0]}: there is no such key; known: {', '.join(keys)}")
        elif item.get("interp", "LINEAR") != "LINEAR":
            faults.append(
                f"{where}.interp: validation resizes with LINEAR, got {item['interp']}; delete it "
                "(preprocess.type: zoo resizes with AREA)"
            )
        else:
            steps.append(make(item))
    given = [key for key in ("size", "fit") if key in preprocess]
    if given:
        if steps:
            said.append(f"val_dataset.transforms are left out: preprocess has {given[0]} already")
        return
    if not steps:
        return
    plain = len(steps) == 1 and list(steps[0]) == ["resize"] and not slides
    resizes = any(next(iter(step)) not in ("pad", "pad_to_ratio") for step in steps)
    made: Tree = {"size": steps[0]["resize"]} if plain else {"fit": steps}
    made.update({"restore": "logits"} if resizes else {})
    preprocess.update(made)
    told = ", ".join(f"{key} {value}" for key, value in made.items())
    said.append(f"val_dataset.transforms -> preprocess: {told}")


def _ratio(item: Mapping[str, Any]) -> bool:
    ratio = item.get("category_max_ratio", 1)
    return isinstance(ratio, (int, float)) and ratio < 1


def _blurs_always(item: Mapping[str, Any]) -> bool:
    prob = item.get("prob", 0.1)
    return isinstance(prob, float) and 1e-9 < prob < 1 and abs(1 / int(1 / prob) - prob) > 1e-9


# Of PaddleSeg's transforms those that do something else than they say: when, ours, and why.
_MENDED: Dict[str, Tuple[Callable[[Mapping[str, Any]], bool], str, str]] = {
    "RandomPaddingCrop": (
        _ratio,
        "CategoryPaddingCrop",
        "with category_max_ratio PaddleSeg 2.8.0 puts the mask into the image",
    ),
    "ResizeByShort": (
        lambda item: isinstance(item.get("short_size"), list),
        "RandomResizeByShort",
        "PaddleSeg 2.8.0 draws the size once for all images",
    ),
    "ScalePadding": (
        lambda item: True,
        "CentrePaddingResize",
        "PaddleSeg 2.8.0 resizes masks by cubic interpolation",
    ),
    "RandomBlur": (
        _blurs_always,
        "ProbableBlur",
        "PaddleSeg 2.8.0 blurs with the probability 1 / int(1 / prob)",
    ),
    "RandomAffine": (
        lambda item: bool(item.get("translation_offset")),
        "ShiftingAffine",
        "PaddleSeg 2.8.0 moves the centre of the turn, not the image",
    ),
}
_REFUSED = {
    "GenerateInstanceTargets": "it makes the labels of MaskFormer's loss, a mask for each class, "
    "which nothing here reads; take a network that learns from class numbers, such as SegFormer or "
    "UPerNet",
    "Compose": "transforms are a list already; put its items there",
}


def _mended(where: str, item: Dict[str, Any], said: Lines, faults: Lines) -> Dict[str, Any]:
    """The transform of the right behaviour."""
    kind = item["type"]
    if kind in _REFUSED:
        faults.append(f"{where}: {kind}: {_REFUSED[kind]}")
    does_else, name, why = _MENDED.get(kind, (lambda item: False, "", ""))
    if not does_else(item):
        return item
    said.append(f"{where}: {kind} -> {name} ({why})")
    return {**item, "type": name}
