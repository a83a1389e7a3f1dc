"""Samples of a data set as cells of a sheet: which ones, and what is shown of each."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from paddleseg_u2net.data_tools.annotations.sample import thread_map
from paddleseg_u2net.data_tools.inspection.inputs import Part
from paddleseg_u2net.datasets import MaskError, Pair, PairDataset, PairingError
from paddleseg_u2net.datasets.mask_encoding import (
    decode,
    distinct_values,
    infer_from_masks,
    sample_masks,
)
from paddleseg_u2net.datasets.table import PairPaths
from paddleseg_u2net.io.images import ImageError, read_mask
from paddleseg_u2net.render.contact_sheet import Cell
from paddleseg_u2net.render.mask_overlay import class_colors, fitted, masked

ORDERS = ("random", "name", "foreground")

# Masks that are looked at to order by foreground.
_ORDERED = 1000
_MOST_CLASSES = 255


class PartDataset(PairDataset):
    """The pairs of a part, whose broken files are met when they are read, not before.

    Masks that fit no encoding are read as class numbers, with ``num_classes`` 1 as any of them.
    """

    def __init__(self, part: Part, **arguments: Any) -> None:
        self._part = part
        self.unpaired = [problem.message for problem in part.problems]
        mode = "train" if part.name == "all" else part.name
        super().__init__(mode, dataset_root=".", images=".", masks=".", **arguments)

    def _find(self, paths: PairPaths, separator: Optional[str]) -> List[Pair]:
        if not self._part.pairs:
            raise PairingError(
                f"{self._part.list_file or self._part.images}: expected images with masks of the "
                "same name but for the suffix, or lines of them, found none"
            )
        return self._part.pairs

    def _infer_mask_encoding(self) -> str:
        masks = sample_masks([pair.mask for pair in self.pairs], _values)
        try:
            return infer_from_masks(masks, self.num_classes, self.ignore_index)
        except MaskError:
            if self.num_classes == 1:
                self.num_classes = _MOST_CLASSES
            return "index"


def _values(mask: Path) -> Set[int]:
    try:
        return distinct_values(mask)
    except ImageError:
        return set()  # told when it is its turn to be shown


def part_named(name: str, parts: Sequence[Part]) -> Part:
    """The part of a name; for train also all that is in two folders."""
    named = {part.name: part for part in parts}
    if name == "train" and "all" in named:
        return named["all"]
    if name not in named:
        raise PairingError(
            f"expected {name}_list.txt, found {', '.join(named)}; name two folders with --images "
            "and --masks"
        )
    return named[name]


def choose(dataset: PairDataset, count: int, order: str, seed: int) -> List[int]:
    """Which samples to show.

    ``order`` is "random": drawn by ``seed``, in the data set's order; "name": the first ones; or
    "foreground": from the least to the most in even steps, masks that cannot be read first. Of
    larger sets a thousand are looked at for that, drawn by ``seed``.
    """
    total = len(dataset)
    if order == "name":
        return sorted(range(total), key=lambda i: dataset.pairs[i].name)[:count]
    drawn = np.random.default_rng(seed).permutation(total)
    if order == "random":
        return sorted(drawn[:count].tolist())
    looked_at = sorted(drawn[:_ORDERED].tolist())
    shares = thread_map(partial(_share, dataset), looked_at, "masks")
    ordered = [index for _, index in sorted(zip(shares, looked_at))]
    steps = np.linspace(0, len(ordered) - 1, min(count, len(ordered)))
    return [ordered[int(place)] for place in np.rint(steps)]


def _share(dataset: PairDataset, index: int) -> float:
    mask, ignore_index = dataset.pairs[index].mask, dataset.ignore_index
    try:
        raw = read_mask(mask)
        label = decode(raw, dataset.mask_encoding, dataset.num_classes, ignore_index, mask)
    except (ValueError, OSError):  # told when it is shown
        return -1.0
    return foreground(label, ignore_index)


def foreground(label: np.ndarray, ignore_index: int) -> float:
    """Share of foreground, 0 to 1, in the pixels of a label (H, W) that are not ignored.

    Floats are probabilities, of integers all but 0 are foreground; see ``mask_encoding.decode``.
    """
    counted = label != ignore_index
    values = label if label.dtype.kind == "f" else label != 0
    total = int(counted.sum())
    return float(values[counted].sum(dtype=np.float64)) / total if total else 0.0


class Row(NamedTuple):
    """What is shown of a sample: the image, the image under its mask, then the augmented ones."""

    cells: List[Cell]
    classes: Set[int]  # that appear in any of them but the background; ``ignore_index`` if so
    error: str = ""


def row(
    dataset: PairDataset,
    index: int,
    size: int,
    seed: int = 0,
    epochs: int = 0,
    names: Optional[Sequence[str]] = None,
) -> Row:
    """Read one sample and draw its cells; whatever is wrong with it becomes a cell too.

    ``seed`` and ``epochs`` augment as training with that ``--seed`` does in its first epochs.
    """
    pair = dataset.pairs[index]
    cells: List[Cell] = []
    try:
        image, label = dataset.read(index)
    except (ValueError, OSError) as error:
        with suppress(ValueError, OSError):
            cells.append(_image_cell(dataset.image(index), pair, size))
        return _broken(cells, pair, error)
    cells.append(_image_cell(image, pair, size))
    colors = class_colors(max(dataset.num_classes, 2))
    first, second, warning = _told(label, dataset, names)
    picture = masked(image, label, size, colors, dataset.ignore_index)
    cells.append(Cell(picture, (first, second), warning=warning))
    classes, before = _classes(label, dataset.ignore_index), foreground(label, dataset.ignore_index)
    del image, label  # large ones shall not wait for the next
    for epoch in range(epochs):
        try:
            image, label = dataset.augmented(index, (seed, epoch, index))
            picture = masked(image, label, size, colors, dataset.ignore_index)
        except Exception as error:  # transforms are anybody's code
            return _broken(cells, pair, error)._replace(classes=classes)
        share = foreground(label, dataset.ignore_index)
        lost = before > 0 and share == 0
        text = f"{image.shape[1]} x {image.shape[0]}, {percent(share)}"
        cells.append(Cell(picture, (text, "nothing of it is left" if lost else ""), warning=lost))
        classes |= _classes(label, dataset.ignore_index)
    return Row(cells, classes)


def _image_cell(image: np.ndarray, pair: Pair, size: int) -> Cell:
    return Cell(fitted(image, size), (pair.name, f"{image.shape[1]} x {image.shape[0]}"))


def _broken(cells: List[Cell], pair: Pair, error: Exception) -> Row:
    kind = "" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: "
    text = f"{kind}{error}"
    short = text.replace(str(pair.mask), pair.mask.name).replace(str(pair.image), pair.image.name)
    lines = (pair.name, "cannot be used") if not cells else ("cannot be used", "")
    told = text if str(pair.image) in text or str(pair.mask) in text else f"{pair.image}: {text}"
    return Row([*cells, Cell(None, lines, error=short)], set(), told)


def _classes(label: np.ndarray, ignore_index: int) -> Set[int]:
    """The numbers in a label but that of the background."""
    if label.dtype.kind != "f":
        return {int(value) for value in np.unique(label)} - {0}
    ignored = label == ignore_index
    found = {1} if (label[~ignored] > 0).any() else set()
    return found | {ignore_index} if ignored.any() else found


def _told(
    label: np.ndarray, dataset: PairDataset, names: Optional[Sequence[str]]
) -> Tuple[str, str, bool]:
    ignore, share = dataset.ignore_index, foreground(label, dataset.ignore_index)
    first = f"{percent(share)} foreground"
    present = sorted(_classes(label, ignore) - {ignore})
    ignored = float((label == ignore).mean())
    if ignored == 1:
        return first, "all of it is ignored", True
    if dataset.num_classes > 1 and present:
        shares = [
            f"{_name(n, dataset, names)} {percent(float((label == n).mean()))}" for n in present
        ]
        return first, ", ".join(shares), False
    if share in (0, 1):
        return first, "empty mask" if share == 0 else "full mask", True
    if ignored:
        return first, f"{percent(ignored)} is ignored", False
    soft = float(((label > 0) & (label < 1)).mean())
    return first, f"soft in {percent(soft)}" if soft else "", False


def _name(number: int, dataset: PairDataset, names: Optional[Sequence[str]]) -> str:
    if names and number < len(names):
        return names[number]
    return "foreground" if dataset.num_classes == 1 else f"class {number}"


def percent(share: float) -> str:
    """A share as text, of three digits."""
    return f"{100 * share:.3g} %"


def legend(
    classes: Iterable[int], dataset: PairDataset, names: Optional[Sequence[str]]
) -> List[Tuple[Any, str]]:
    """Colour and name of each class number; the colour of ignored pixels is None."""
    colors = class_colors(max(dataset.num_classes, 2)).tolist()
    return [
        (None, f"ignored ({number})")
        if number == dataset.ignore_index
        else (tuple(colors[number]), _name(number, dataset, names))
        for number in sorted(classes)
    ]
