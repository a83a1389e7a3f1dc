"""A folder of images and a folder of masks: which belong together, and what the masks hold."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

import numpy as np

from paddleseg_u2net.data_tools.annotations.classes import (
    ALL_CLASSES,
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
from paddleseg_u2net.data_tools.annotations.image_index import unique_names
from paddleseg_u2net.data_tools.annotations.mask_files import (
    ENCODINGS,
    JPEG,
    brightness,
    colour_file,
    index_file,
    merge,
    opacity,
)
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    MaskSource,
    Sample,
    counted,
    thread_map,
    wrong,
)
from paddleseg_u2net.data_tools.annotations.splits import SPLITS
from paddleseg_u2net.datasets.mask_encoding import (
    IGNORE,
    INSTANCES,
    distinct_values,
    infer_mask_encoding,
    seem_instances,
)
from paddleseg_u2net.datasets.name_rules import Matches, NameRule, best_rule, by_folder
from paddleseg_u2net.datasets.pairing import PairingError, by_name, list_files
from paddleseg_u2net.io.images import ImageError, find_images, read_header
from paddleseg_u2net.text import short_list, short_values

Values = Union[str, Mapping[int, int]]
# A mask file, and the values in it.
Seen = Tuple[Path, Set[int]]

_INSTANCES = (
    f"{INSTANCES} instead of classes: --mask_values instance makes one class of them; if they are "
    "classes, name them with --classes"
)
# Words that begin or end a mask's name, as in x_mask.png, x_mask_1.png, x-gt.png, GT_x.png.
_WORDS = "mask|label|lbl|gt|seg|segm|segmentation|anno|annotation|matte|alpha|groundtruth|truth"
_MASK = re.compile(rf"(?i)(?:{_WORDS})s?(?:[^a-z].*)?$|.*[^a-z](?:{_WORDS})s?[^a-z]*$")


def read(
    images: Path,
    masks: Path,
    values: Values = "auto",
    classes: Optional[Sequence[str]] = None,
    allow_missing: bool = False,
) -> AnnotatedDataset:
    """Read a folder of images and one of masks, as `pair_folders` pairs them.

    Args:
        values: ``index`` (class numbers, 255 is ignored), one of `ENCODINGS`, a table of values
            to class numbers, or ``auto``: every mask is looked at, see `infer_mask_encoding`.
        classes: Names of the classes 1, 2 ...; a background may be before them. None: those
            that Roboflow's ``_classes.csv`` gives to the values, else object, or class_1,
            class_2 ... up to the highest number. Names that are in such a file choose from it.
    """
    pairs, remarks = pair_folders(images, masks, allow_missing)
    paths = [mask for pair in pairs for mask in pair.masks]
    names = list(classes) if classes is not None else None
    if names and is_background(names[0]):
        names = names[1:]
    titles = find_values(masks) if values in ("auto", "index") else {}
    if titles and (names is None or set(names) <= set(titles.values())):
        names, values, said = number_values(titles, names, masks / VALUES_FILE)
        shown = short_list([f"{value} {titles[value]}" for value in sorted(titles)], 8)
        remarks += [f"classes named as {VALUES_FILE} says: {shown}", *said]
    seen: List[Seen] = []
    if values == "auto" or (values == "index" and not names):
        seen = _look_at(paths, values)
    found = set().union(*(each for _, each in seen))
    if values == "auto":
        values = _infer(seen, found, len(names) if names else None, masks)
        remarks.append(f"masks read as {values} (values {short_values(found)})")
    if any(path.suffix.lower() in JPEG for path in paths):
        remarks.append(
            "masks are JPEG files, whose values are smeared; --mask_values binary cuts at half"
        )
    if values == "index" and not names and seem_instances(each for _, each in seen):
        remarks.append(_INSTANCES)
    if values == "index":
        names = _name_classes(found, names, masks)
        values = {number: number for number in [*range(len(names) + 1), IGNORE]}
    elif isinstance(values, str):
        names = _name_classes({1}, names, masks, single=True)
    else:
        names = _name_classes(set(values.values()), names, masks)
    make = ENCODINGS[values] if isinstance(values, str) else partial(index_file, numbers=values)
    soft = values in ("soft", "alpha")
    return AnnotatedDataset((BACKGROUND, *names), _samples(pairs, make, soft), soft, remarks)


def read_colours(
    images: Path,
    masks: Path,
    table: Mapping[Colour, str],
    classes: Classes = ALL_CLASSES,
    tolerance: int = 0,
    allow_missing: bool = False,
) -> AnnotatedDataset:
    """As `read`, of masks in colours (`colour_file`), of which several may have one name."""
    names, numbers, said = number_colours(table, classes, "colour table")
    pairs, remarks = pair_folders(images, masks, allow_missing)
    samples = _samples(pairs, lambda path: colour_file(path, numbers, tolerance))
    lossy = [mask.name for p in pairs for mask in p.masks if mask.suffix.lower() in JPEG]
    if lossy:
        remarks.append(
            f"{len(lossy)} masks are JPEG files ({short_list(lossy)}), whose colours are smeared; "
            "export them as PNG, or allow a tolerance"
        )
    return AnnotatedDataset(names, samples, remarks=remarks + said)


def read_cut_outs(folder: Path) -> AnnotatedDataset:
    """Read a folder of images whose opacity is the soft mask of what they show."""
    paths = find_images(folder)
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    samples = [Sample(path, name, ENCODINGS["alpha"](path)) for path, name in zip(paths, names)]
    return AnnotatedDataset((BACKGROUND, "object"), unique_names(samples), True)


class ImageMasks(NamedTuple):
    """An image, its masks, its path without suffix, and the split that its folder says."""

    image: Path
    masks: Tuple[Path, ...]
    name: str
    split: str


def pair_folders(
    images: Path, masks: Path, allow_missing: bool = False
) -> Tuple[List[ImageMasks], List[str]]:
    """Pair the files of two folders by name, sorted, with remarks on what was found and left out.

    Names are compared as `best_rule` does. Both folders may be one, if words (``x_mask.png``) or
    suffixes (``x.jpg`` and ``x.png``) tell which is which.
    """
    image_files, mask_files, rule, matches = _match(images, masks)
    remarks = [] if rule == NameRule() else [rule.describe()]
    used = set(chain.from_iterable(matches.values()))
    problems = []
    for files, known, what in (
        (image_files, set(matches), "images without a mask"),
        (mask_files, used, "masks without an image"),
    ):
        alone = [path.name for name, path in files.items() if name not in known]
        if alone:
            problems.append(f"{len(alone)} {what}: {short_list(alone, 5)}")
    if problems and not (allow_missing and matches):
        raise PairingError(
            f"{images} and {masks}: expected a mask for each image, of the same name but for what "
            f"all have in common, got {'; '.join(problems)}; add or remove those files, or leave "
            "them out with --allow_missing"
        )
    remarks += [f"left out {problem}" for problem in problems]
    tops = {name.rpartition("/")[0].split("/")[0].lower() for name in matches}
    splits = len(tops) > 1 and tops <= set(SPLITS)
    pairs = [
        ImageMasks(
            image_files[name],
            tuple(mask_files[mask] for mask in matches[name]),
            name,
            SPLITS[name.split("/")[0].lower()] if splits else "",
        )
        for name in sorted(matches, key=by_folder)
    ]
    several = [pair for pair in pairs if len(pair.masks) > 1]
    if several:
        shown = " and ".join(path.name for path in several[0].masks[:3])
        remarks.append(
            f"{counted(len(several), 'image')} with several masks, which are merged, such as "
            f"{several[0].image.name} with {shown}" + (" ..." if len(several[0].masks) > 3 else "")
        )
    if splits:
        remarks.append(f"split as the folders {', '.join(sorted(tops))} say")
    return pairs, remarks


def _match(images: Path, masks: Path) -> Tuple[Dict[str, Path], Dict[str, Path], NameRule, Matches]:
    if images.resolve() != masks.resolve():
        image_files = by_name(list_files(images, "images", exclude=masks), images)
        mask_files = by_name(list_files(masks, "masks", exclude=images), masks)
        return (image_files, mask_files, *best_rule(list(image_files), list(mask_files)))
    best, most = None, 0.0
    files = list_files(images, "images and masks")
    by_word = {path for path in files if _MASK.match(path.stem)}
    by_suffix = {path for path in files if path.suffix.lower() not in JPEG}
    for of_masks in (by_word, by_suffix):
        try:
            image_files = by_name([path for path in files if path not in of_masks], images)
            mask_files = by_name([path for path in files if path in of_masks], images)
        except PairingError:
            continue
        rule, matches = best_rule(list(image_files), list(mask_files))
        share = len(matches) / max(len(image_files), len(mask_files))
        if share > most:
            best, most = (image_files, mask_files, rule, matches), share
    if best is None:
        raise PairingError(
            f"{images}: images and masks are in one folder and cannot be told apart by suffix "
            "(x.jpg and x.png) or name (x_mask.png); move the masks to a folder of their own"
        )
    return best


def _samples(
    pairs: Sequence[ImageMasks], make: Callable[[Path], MaskSource], soft: bool = False
) -> List[Sample]:
    return [
        Sample(pair.image, pair.name, merge([make(path) for path in pair.masks], soft), pair.split)
        for pair in pairs
    ]


def _name_classes(
    numbers: Set[int], names: Optional[List[str]], where: object, single: bool = False
) -> List[str]:
    """The names of the classes 1, 2 ..., as many as the masks need."""
    needed = max({1, *numbers} - {IGNORE})
    if names is None:
        if needed > MOST_CLASSES:
            expected = f"class numbers up to {MOST_CLASSES}"
            raise wrong(where, expected, needed, "give a table of values to class numbers")
        return ["object"] if needed == 1 else [f"class_{n}" for n in range(1, needed + 1)]
    if len(names) < needed or (single and len(names) != 1):
        got = f"{len(names)} ({', '.join(names) or 'none'})"
        raise wrong(where, f"names for {needed} classes beside the background", got)
    return names


def _look_at(paths: Sequence[Path], asked: str) -> List[Seen]:
    """The values of all masks; those that cannot be read are refused when they are drawn."""
    found = thread_map(partial(_values, asked), paths, "masks")
    seen = [(path, values) for path, values in zip(paths, found) if isinstance(values, set)]
    if 2 * len(seen) < len(paths):
        error = next(item for item in found if isinstance(item, ImageError))
        raise AnnotationError(
            f"{error}, or give a table of its colours (dataset.py import colours), or say "
            "--mask_values instance if each object has a colour of its own"
        )
    return seen


def _values(asked: str, path: Path) -> Union[Set[int], ImageError]:
    try:
        header = read_header(path)
        if asked == "auto" and header.alpha and opacity(path) is not None:
            repair = "say --mask_values alpha if that is the mask, or index if its values are"
            raise wrong(path, "a mask without transparency", "some", f"{repair} class numbers")
        found = set(distinct_values(path))
    except ImageError as error:
        return error
    if (header.mode == "P" and found <= {0, 1}) or header.mode == "1":
        # Of two colours the index does not say which is white.
        looks = set(np.unique(brightness(path)).tolist())
        return looks if looks <= {0, 255} else found
    return found


def _infer(seen: Sequence[Seen], found: Set[int], count: Optional[int], where: object) -> str:
    """What masks hold, as `infer_mask_encoding`, of ``count`` classes beside the background."""
    holding = {value: path.name for path, values in reversed(seen) for value in values}
    encoding = infer_mask_encoding(found, count if count in (None, 1) else count + 1)
    if count == 1:
        encoding = encoding or infer_mask_encoding(found, 2)
    # Files of {0, 1} beside files of {0, 255} are two ways to say one thing, not "ignore".
    if found == {0, 1, IGNORE} and not any({1, IGNORE} <= values for _, values in seen):
        raise AnnotationError(
            f"{where}: in some masks the object is 1 ({holding[1]}), in others 255 ({holding[255]})"
            "; say --mask_values binary if both are the object, or index if 255 is to be ignored"
        )
    if encoding:
        return encoding
    unclear = max(found - {0, 255, 65535} or found)
    of_classes = f" for {count} classes" if count else ""
    instances = f"; {_INSTANCES}" if seem_instances(values for _, values in seen) else ""
    raise AnnotationError(
        f"{where}: cannot tell what the values {short_values(found)} of these masks mean"
        f"{of_classes} ({unclear} is in {holding[unclear]}); say --mask_values index, binary, "
        "soft or instance (numbers of objects), name the --classes, or give a table of values "
        f"such as --mask_values 0=0 38=1{instances}"
    )
