"""A folder of images and a folder of masks: which belong together, and what the masks hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import (
    BACKGROUND,
    MOST_CLASSES,
    VALUES_FILE,
    Classes,
    Colour,
    find_values,
    is_background,
    number_colours,
    number_values,
)
from paddleseg_u2net.data_tools.annotations.label_files import thread_map
from paddleseg_u2net.data_tools.annotations.mask_files import (
    JPEG,
    alpha_file,
    binary_file,
    brightness,
    colour_file,
    index_file,
    instance_file,
    merge,
    opacity,
    soft_file,
)
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    MaskSource,
    Sample,
)
from paddleseg_u2net.data_tools.formats.folder_pairs import pair_folders
from paddleseg_u2net.datasets.mask_encoding import (
    HIGHEST_LIKELY_CLASS,
    IGNORE,
    INSTANCES,
    distinct_values,
    infer_mask_encoding,
    seem_instances,
)
from paddleseg_u2net.io.images import Header, ImageError, read_header, read_image, read_mask
from paddleseg_u2net.text import short_list, short_values

Values = Union[str, Mapping[int, int]]
# What "auto" may infer; a table of values is the other choice.
_MAKERS: Dict[str, Callable[[Path], MaskSource]] = {
    "binary": binary_file,
    "soft": soft_file,
    "alpha": alpha_file,
    "instance": instance_file,
}
VALUES = ("auto", "index", *_MAKERS)

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
        values: What the masks hold: ``index`` (class numbers, 255 is ignored), ``binary``
            (black and white), ``soft`` (probability of one class), ``alpha`` (the opacity of
            cut-outs), ``instance`` (anything but 0 is the object), a table of values to class
            numbers, or ``auto``: every mask is looked at, see `infer_mask_encoding`.
        classes: Names of the classes 1, 2 ...; a background may be before them. None: those
            that Roboflow's ``_classes.csv`` gives to the values, else object, or class_1,
            class_2 ... up to the highest number. Names that are in such a file choose from it.
        allow_missing: Leave out images without a mask and masks without an image, with a remark.

    Returns:
        Splits are those of subfolders train, val and test, if all images are in such.

    Raises:
        PairingError: a folder is missing or empty, or files have no partner.
        AnnotationError: the masks' values do not tell their meaning, or there are more or less
            classes than names.
        ImageError: a folder cannot be listed. Damaged masks are found when they are read.
    """
    if isinstance(values, str) and values not in VALUES:
        raise AnnotationError(
            f"values: expected {', '.join(VALUES)} or a table of values to class numbers, got "
            f"{values!r}"
        )
    masks = Path(masks)
    pairs, remarks = pair_folders(Path(images), masks, allow_missing)
    paths = [mask for pair in pairs for mask in pair.masks]
    names = list(classes) if classes is not None else None
    if names and is_background(names[0]):
        names = names[1:]
    titles = find_values(masks) if values in ("auto", "index") else {}
    if titles and (names is None or set(names) <= set(titles.values())):
        names, values, said = number_values(titles, names, masks / VALUES_FILE)
        shown = short_list([f"{value} {titles[value]}" for value in sorted(titles)], 8)
        remarks += [f"classes named as {VALUES_FILE} says: {shown}", *said]
    seen = _Seen()
    if values == "auto" or (values == "index" and not names):
        seen = _Seen.of(paths)
    if values == "auto":
        values = _infer(seen, len(names) if names else None, masks)
        remarks.append(f"masks read as {values} ({seen.describe()})")
    if any(path.suffix.lower() in JPEG for path in paths):
        remarks.append(
            "masks are JPEG files, whose values are smeared; --mask_values binary cuts at half"
        )
    if values == "index" and not names and seem_instances(seen.times.elements()):
        remarks.append(_INSTANCES)
    if not isinstance(values, str):
        numbers = _checked(values, masks)
    else:
        numbers = seen.values if values == "index" else {1}
    single = isinstance(values, str) and values != "index"
    names = _name_classes(numbers, names, single, masks)
    make = _mask_source(values, len(names))
    soft = values in ("soft", "alpha")
    samples = [
        Sample(pair.image, pair.name, merge([make(path) for path in pair.masks], soft), pair.split)
        for pair in pairs
    ]
    return AnnotatedDataset((BACKGROUND, *names), samples, soft, remarks)


def read_colours(
    images: Path,
    masks: Path,
    table: Mapping[Colour, str],
    classes: Optional[Classes] = None,
    tolerance: int = 0,
    allow_missing: bool = False,
) -> AnnotatedDataset:
    """Read a folder of images and one of masks in colours.

    Args:
        images: As for `read`.
        masks: RGB or palette files of the images' sizes.
        table: (red, green, blue) -> name, as `classes.read_colours` gives; several colours may
            have one name.
        classes: Which names become which classes, and whose area is ignored.
        tolerance: As ``colour_file.tolerance``.
        allow_missing: As for `read`.

    Raises:
        PairingError, AnnotationError: as `read`; a class cannot be used. Colours that are not in
            the table are found when masks are read.
    """
    names, numbers, said = number_colours(table, classes or Classes(), "colour table")
    pairs, remarks = pair_folders(Path(images), Path(masks), allow_missing)
    samples = [
        Sample(
            pair.image,
            pair.name,
            merge([colour_file(mask, numbers, tolerance) for mask in pair.masks], False),
            pair.split,
        )
        for pair in pairs
    ]
    paths = [mask for pair in pairs for mask in pair.masks]
    lossy = [path.name for path in paths if path.suffix.lower() in JPEG]
    if lossy:
        remarks.append(
            f"{len(lossy)} masks are JPEG files ({short_list(lossy)}), whose colours are smeared; "
            "export them as PNG, or allow a tolerance"
        )
    return AnnotatedDataset(names, samples, remarks=remarks + said)


def _checked(values: Mapping[int, int], where: object) -> Set[int]:
    """The class numbers in a table of values."""
    wrong = [n for n in values.values() if not (0 <= n <= MOST_CLASSES or n == IGNORE)]
    if wrong or not values or not all(0 <= value <= 65535 for value in values):
        raise AnnotationError(
            f"{where}: expected a table of values (0..65535) to class numbers "
            f"(0..{MOST_CLASSES}, {IGNORE} is ignored), got {dict(values)}"
        )
    return set(values.values())


def _name_classes(
    numbers: Set[int], names: Optional[List[str]], single: bool, where: object
) -> List[str]:
    """The names of the classes 1, 2 ..., as many as the masks need."""
    needed = max({1, *numbers} - {IGNORE})
    if names is None:
        if needed > MOST_CLASSES:
            raise AnnotationError(
                f"{where}: expected class numbers up to {MOST_CLASSES}, got {needed}; give a table "
                "of values to class numbers"
            )
        return ["object"] if needed == 1 else [f"class_{n}" for n in range(1, needed + 1)]
    if len(names) < needed or (single and len(names) != 1):
        raise AnnotationError(
            f"{where}: expected names for {needed} classes beside the background, got "
            f"{len(names)} ({', '.join(names) or 'none'})"
        )
    return names


def _mask_source(values: Values, count: int) -> Callable[[Path], MaskSource]:
    if isinstance(values, str) and values != "index":
        return _MAKERS[values]
    by_value = {number: number for number in [*range(count + 1), IGNORE]}
    table = by_value if isinstance(values, str) else dict(values)
    return lambda path: index_file(path, table)


@dataclass
class _Seen:
    """The values of many masks."""

    times: Counter[FrozenSet[int]] = field(default_factory=Counter)  # how many files have a set
    examples: Dict[FrozenSet[int], Path] = field(default_factory=dict)  # such a file for each set
    cut_outs: List[Path] = field(default_factory=list)  # files with transparency

    @classmethod
    def of(cls, paths: Sequence[Path]) -> _Seen:
        """Look at all masks; AnnotationError if most of them are in colours."""
        seen, coloured = cls(), []
        for path, found in zip(paths, thread_map(_values, paths, "masks")):
            if found is None:
                seen.cut_outs.append(path)
            elif isinstance(found, ImageError):
                coloured.append(found)
            elif found:
                seen.examples.setdefault(found, path)
                seen.times[found] += 1
        if 2 * len(coloured) > len(paths):
            raise AnnotationError(
                f"{coloured[0]}, or give a table of its colours (dataset.py import colours), or "
                "say --mask_values instance if each object has a colour of its own"
            )
        return seen

    @property
    def values(self) -> Set[int]:
        return set().union(*self.times)

    def describe(self) -> str:
        return f"values {short_values(self.values)}" if self.values else "cut-outs"

    def holding(self, value: int) -> str:
        return next(path.name for found, path in self.examples.items() if value in found)


def _values(path: Path) -> Union[FrozenSet[int], ImageError, None]:
    """The values of one mask; None if it is a cut-out, whose alpha is the mask.

    Of a damaged file no values, of one in colours the error with which it is refused when it is
    read, together with all others.
    """
    try:
        header = read_header(path)
        if _is_cut_out(path, header):
            return None
        found = frozenset(distinct_values(path))
    except ImageError as error:
        return frozenset() if _is_damaged(path) else error
    if (header.mode == "P" and found <= {0, 1}) or header.mode == "1":
        # Of two colours the index does not say which is white.
        looks = frozenset(np.unique(brightness(path)).tolist())
        return looks if looks <= {0, 255} else found
    return found


def _is_cut_out(path: Path, header: Header) -> bool:
    """Whether transparency is the mask, and not only how a mask of classes is shown."""
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
            f"expected a mask without transparency, found the values {short_values(values)} below "
            "varying alpha, which look like class numbers; remove the alpha channel, or say "
            "--mask_values alpha if it is the mask",
        )
    return True


def _is_damaged(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return True
    return False


def _infer(seen: _Seen, count: Optional[int], where: object) -> str:
    """What masks hold, as `infer_mask_encoding`, or ``alpha`` if all are cut-outs.

    ``count``: classes beside the background; None: unknown.
    """
    if seen.cut_outs:
        if not seen.examples:
            return "alpha"
        raise AnnotationError(
            f"{where}: some masks are cut-outs ({seen.cut_outs[0].name}), others are not "
            f"({next(iter(seen.examples.values())).name}); keep one kind in a folder"
        )
    found = seen.values
    encoding = infer_mask_encoding(found, count if count in (None, 1) else count + 1)
    if count == 1:
        encoding = encoding or infer_mask_encoding(found, 2)
    # Files of {0, 1} beside files of {0, 255} are two ways to say one thing, not "ignore".
    if found == {0, 1, IGNORE} and not any({1, IGNORE} <= each for each in seen.times):
        raise AnnotationError(
            f"{where}: in some masks the object is 1 ({seen.holding(1)}), in others 255 "
            f"({seen.holding(255)}); as binary both are the object, as index 255 is ignored: say "
            "which with --mask_values"
        )
    if encoding:
        return encoding
    unclear = max(found - {0, 255, 65535} or found)
    raise AnnotationError(
        f"{where}: cannot tell what the values {short_values(found)} of these masks mean"
        + (f" for {count} classes" if count else "")
        + f" ({unclear} is in {seen.holding(unclear)}); say --mask_values index, binary, "
        "soft or instance (numbers of objects), name the --classes, or give a table of values "
        "such as --mask_values 0=0 38=1"
        + (f"; {_INSTANCES}" if seem_instances(seen.times.elements()) else "")
    )
