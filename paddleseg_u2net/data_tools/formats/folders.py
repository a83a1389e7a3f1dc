"""A folder of images and a folder of masks: what the values of the masks mean."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import (
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Union,
)

import numpy as np

from paddleseg_u2net.data_tools.formats import pixel_classes
from paddleseg_u2net.data_tools.formats.classes import (
    BACKGROUND,
    IGNORE,
    MOST_CLASSES,
    is_background,
)
from paddleseg_u2net.data_tools.formats.mask_files import (
    JPEG,
    AlphaFile,
    BinaryFile,
    IndexFile,
    InstanceFile,
    Kind,
    SoftFile,
    brightness,
    kind,
    opacity,
    some,
)
from paddleseg_u2net.data_tools.formats.merged import merge
from paddleseg_u2net.data_tools.formats.pairing import pair
from paddleseg_u2net.data_tools.formats.sample import (
    AnnotatedDataset,
    AnnotationError,
    MaskSource,
    Sample,
)
from paddleseg_u2net.data_tools.formats.thread_map import look_at
from paddleseg_u2net.datasets.mask_encoding import (
    HIGHEST_LIKELY_CLASS,
    INSTANCES,
    infer_mask_encoding,
    seem_instances,
)
from paddleseg_u2net.io.images import ImageError, read_image, read_mask

Values = Union[str, Mapping[int, int]]
# What "auto" may find out; a table of values is the other choice.
VALUES = ("auto", "index", "binary", "soft", "alpha", "instance")
_WITHOUT_ALPHA = ("1", "L", "P", "I", "I;16")
_INSTANCES = (
    f"{INSTANCES} instead of classes: --mask_values instance makes one class of them; if they are "
    "classes, name them with --classes"
)


def read(
    images: Path,
    masks: Path,
    values: Values = "auto",
    classes: Optional[Sequence[str]] = None,
    allow_missing: bool = False,
) -> AnnotatedDataset:
    """Read a folder of images and one of masks.

    Args:
        images: Searched with its subfolders.
        masks: The same, with subfolders of the same names. Names may have something before or
            after the image's name, the same for all (``x_mask.png``, ``gt_x.png``,
            ``x.jpg.png``), or differ in letter case. Several masks of one image are merged, if
            they are numbered (``x_mask_1.png``) or in a folder of its name (``x/1.png``). The
            folder may be that of the images, if words (``x_mask.png``) or suffixes (``x.jpg`` and
            ``x.png``) tell which is which.
        values: What the masks hold: ``index`` (class numbers, 255 counts nowhere), ``binary``
            (black and white), ``soft`` (probability of one class), ``alpha`` (the opacity of
            cut-outs), ``instance`` (anything but 0 is the object), a table of values to class
            numbers, or ``auto``: every mask is looked at, and `recognise` tells.
        classes: Names of the classes 1, 2 ...; a background may stand before them. None: those
            that Roboflow's ``_classes.csv`` gives to the values, else object, or class_1,
            class_2 ... up to the highest number. Names that are in such a file choose from it.
        allow_missing: Leave out images without a mask and masks without an image, with a remark.

    Returns:
        Splits are those of subfolders train, val and test, if all images are in such.

    Raises:
        AnnotationError: a folder is missing or empty, files have no partner, the masks' values
            do not tell their meaning, or there are more or less classes than names.
        ImageError: a folder cannot be listed. Damaged masks show when they are read.
    """
    if isinstance(values, str) and values not in VALUES:
        raise AnnotationError(
            f"values: expected {', '.join(VALUES)} or a table of values to class numbers, got "
            f"{values!r}"
        )
    masks = Path(masks)
    pairing = pair(images, masks, allow_missing)
    paths = [mask for item in pairing.pairs for mask in item.masks]
    names = list(classes) if classes is not None else None
    if names and is_background(names[0]):
        names = names[1:]
    listed = pixel_classes.find(masks) if values in ("auto", "index") else {}
    if listed and (names is None or set(names) <= set(listed.values())):
        names, values, said = pixel_classes.meaning(listed, names, masks)
        pairing.remarks += said
    if values == "auto":
        seen = _Seen.of(paths)
        values = recognise(seen, len(names) if names else None, masks)
        pairing.remarks.append(f"masks read as {values} ({seen.text()})")
    elif values == "index" and not names:
        seen = _Seen.of(paths)
    else:
        seen = _Seen()
    if any(path.suffix.lower() in JPEG for path in paths):
        pairing.remarks.append(
            "masks are JPEG files, whose values are smeared; --mask_values binary cuts at half"
        )
    if values == "index" and not names and seem_instances(seen.times.elements()):
        pairing.remarks.append(_INSTANCES)
    titles = _titles(values, names, seen, masks)
    make = _source(values, len(titles))
    soft = values in ("soft", "alpha")
    records = [
        Sample(item.image, item.name, merge([make(path) for path in item.masks], soft), item.split)
        for item in pairing.pairs
    ]
    return AnnotatedDataset((BACKGROUND, *titles), records, soft, pairing.remarks)


def _titles(
    values: Values, names: Optional[List[str]], seen: _Seen, where: object
) -> Sequence[str]:
    """The names of the classes 1, 2 ..., as many as the masks need."""
    if not isinstance(values, str):
        wrong = [n for n in chain(values, values.values()) if not 0 <= n <= 65535]
        if wrong or any(MOST_CLASSES < n != IGNORE for n in values.values()) or not values:
            raise AnnotationError(
                f"{where}: expected a table of values (0..65535) to class numbers "
                f"(0..{MOST_CLASSES}, {IGNORE} counts nowhere), got {dict(values)}"
            )
    if isinstance(values, str) and values != "index":
        needed = 1
    else:
        numbers = seen.values if isinstance(values, str) else set(values.values())
        needed = max([1, *(number for number in numbers if number != IGNORE)])
    if names is None:
        if needed > MOST_CLASSES:
            raise AnnotationError(
                f"{where}: expected class numbers up to {MOST_CLASSES}, got {needed}; give a table "
                "of values to class numbers"
            )
        return ["object"] if needed == 1 else [f"class_{n}" for n in range(1, needed + 1)]
    single = isinstance(values, str) and values != "index"
    if len(names) < needed or not names or (single and len(names) != 1):
        raise AnnotationError(
            f"{where}: expected names for {needed} classes beside the background, got "
            f"{len(names)} ({', '.join(names) or 'none'})"
        )
    return names


def _source(values: Values, count: int) -> Callable[[Path], MaskSource]:
    if not isinstance(values, str):
        table = dict(values)
        return lambda path: IndexFile(path, table)
    if values == "index":
        identity = {number: number for number in [*range(count + 1), IGNORE]}
        return lambda path: IndexFile(path, identity)
    makers: Dict[str, Callable[[Path], MaskSource]] = {
        "binary": BinaryFile,
        "soft": SoftFile,
        "alpha": AlphaFile,
        "instance": InstanceFile,
    }
    return makers[values]


# ---------------------------------------------------------------- what masks mean


@dataclass
class _Seen:
    """The values of many masks.

    Attributes:
        values: All of them.
        sets: Each set of values that a file has, with such a file.
        times: How many files have it.
        cut_outs: Files with transparency.
    """

    values: Set[int] = field(default_factory=set)
    sets: Dict[FrozenSet[int], Path] = field(default_factory=dict)
    times: Counter[FrozenSet[int]] = field(default_factory=Counter)
    cut_outs: List[Path] = field(default_factory=list)

    @classmethod
    def of(cls, paths: Sequence[Path]) -> _Seen:
        """Look at all masks.

        Raises:
            AnnotationError: most of them are in colours.
        """
        seen, coloured = cls(), []
        for path, found in zip(paths, look_at(paths, _values, "masks")):
            if found is None:
                seen.cut_outs.append(path)
            elif isinstance(found, ImageError):
                coloured.append(found)
            elif found:
                seen.values |= found
                seen.sets.setdefault(found, path)
                seen.times[found] += 1
        if 2 * len(coloured) > len(paths):
            raise AnnotationError(
                f"{coloured[0]}, or give a table of its colours (dataset.py import colours), or "
                "say --mask_values instance if each object has a colour of its own"
            )
        return seen

    def text(self) -> str:
        return f"values {some(sorted(self.values))}" if self.values else "cut-outs"

    def holding(self, value: int) -> Path:
        return next(path for found, path in self.sets.items() if value in found)


def _values(path: Path) -> Union[FrozenSet[int], ImageError, None]:
    """The values of one mask; None if it is a cut-out, whose alpha is the mask.

    Of a damaged file no values, of one in colours the error with which it is refused when it is
    read, together with all others.
    """
    try:
        header = kind(path)
        if _is_cut_out(path, header):
            return None
        stored = read_mask(path)
    except ImageError as error:
        return frozenset() if _damaged(path) else error
    found = frozenset(np.flatnonzero(np.bincount(stored.reshape(-1))).tolist())
    if (header.mode == "P" and found <= {0, 1}) or header.mode == "1":
        # Of two colours the index does not say which is white.
        looks = frozenset(np.unique(brightness(path)).tolist())
        return looks if looks <= {0, 255} else found
    return found


def _is_cut_out(path: Path, header: Kind) -> bool:
    """Whether transparency is the mask, and not only how a mask of classes is shown.

    Raises:
        ImageError: it has a channel of alpha, and below it what look like class numbers.
    """
    alpha = opacity(path) if header.alpha else None
    if alpha is None:
        return False
    if header.mode in _WITHOUT_ALPHA:  # one value is named to be transparent
        return len(np.unique(read_mask(path))) > HIGHEST_LIKELY_CLASS
    shown = read_image(path)[alpha > 0]
    values = np.unique(shown)
    grey = bool((shown == shown[:, :1]).all())
    if grey and len(values) > 1 and values[-1] <= HIGHEST_LIKELY_CLASS:
        raise ImageError(
            path,
            f"expected a mask without transparency, found the values {some(values)} below varying "
            "alpha, which look like class numbers; remove the alpha channel, or say --mask_values "
            "alpha if it is the mask",
        )
    return True


def _damaged(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return True
    return False


def recognise(seen: _Seen, count: Optional[int], where: object) -> str:
    """What masks hold, by the rule of training (``datasets.masks``).

    Args:
        seen: The values of all masks.
        count: Classes beside the background; None: not known.
        where: The masks, for messages.

    Returns:
        ``index``, ``binary``, ``soft`` or ``alpha``.

    With one class as `of_one_class` tells. Else class numbers and 255, without a gap if
    ``count`` is not known, are index.

    Raises:
        AnnotationError: the values fit none or more than one.
    """
    if seen.cut_outs:
        if not seen.sets:
            return "alpha"
        raise AnnotationError(
            f"{where}: some masks are cut-outs ({seen.cut_outs[0].name}), others are not "
            f"({next(iter(seen.sets.values())).name}); keep one kind in a folder"
        )
    found = seen.values
    single = infer_mask_encoding(found, 1) if count in (None, 1) else ""
    if single:
        return single
    numbers = found - {IGNORE}
    if count is None:
        fits = numbers | {0} == {*range(len(numbers | {0}))} and len(numbers) <= 33
    else:
        fits = numbers <= {*range(count + 1)} and found != {0, IGNORE}
    # Files of {0, 1} beside files of {0, 255} are two ways to say one thing, not "ignore".
    if fits and found == {0, 1, IGNORE} and not any({1, IGNORE} <= each for each in seen.sets):
        raise AnnotationError(
            f"{where}: in some masks the object is 1 ({seen.holding(1).name}), in others 255 "
            f"({seen.holding(255).name}); as binary both are the object, as index 255 counts "
            "nowhere: say which with --mask_values"
        )
    if fits:
        return "index"
    strange = max(found - {0, 255, 65535} or found)
    raise AnnotationError(
        f"{where}: cannot tell what the values {some(sorted(found))} of these masks mean"
        + (f" for {count} classes" if count else "")
        + f" ({strange} is in {seen.holding(strange).name}); say --mask_values index, binary, "
        "soft or instance (numbers of objects), name the --classes, or give a table of values "
        "such as --mask_values 0=0 38=1"
        + (f"; {_INSTANCES}" if seem_instances(seen.times.elements()) else "")
    )
