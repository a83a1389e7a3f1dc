"""Which masks belong to which image, by their names in two folders or in one."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from paddleseg_u2net.data_tools.annotations.import_stats import count_images
from paddleseg_u2net.data_tools.annotations.mask_files import JPEG
from paddleseg_u2net.data_tools.annotations.splits import SPLITS
from paddleseg_u2net.datasets.name_rules import Matches, NameRule, best_rule, by_folder
from paddleseg_u2net.datasets.pairing import PairingError, by_name, list_files
from paddleseg_u2net.text import short_list

# Words that begin or end a mask's name, as in x_mask.png, x_mask_1.png, x-gt.png, GT_x.png.
_WORDS = "mask|label|lbl|gt|seg|segm|segmentation|anno|annotation|matte|alpha|groundtruth|truth"
_MASK = re.compile(rf"(?i)(?:{_WORDS})s?(?:[^a-z].*)?$|.*[^a-z](?:{_WORDS})s?[^a-z]*$")


class ImageMasks(NamedTuple):
    """An image, its masks, the image's path without suffix, and the split that its folder says."""

    image: Path
    masks: Tuple[Path, ...]
    name: str
    split: str


def pair_folders(
    images: Path, masks: Path, allow_missing: bool = False
) -> Tuple[List[ImageMasks], List[str]]:
    """Pair the files of two folders by name, in the ways that `folders.read` tells.

    Returns:
        Pairs, sorted by name; remarks on how they were paired, and on what was left out.

    Raises:
        PairingError: a folder is missing or empty, two files have the same name, or a file has no
            partner (unless ``allow_missing``, if there is any pair).
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
            f"{images} and {masks}: expected a mask for each image, of the same name but for the "
            f"suffix and what all have in common; {'; '.join(problems)}; add or remove those "
            "files, or leave them out with --allow_missing"
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
            f"{count_images(len(several))} with several masks, which are merged, such as "
            f"{several[0].image.name} with {shown}" + (" ..." if len(several[0].masks) > 3 else "")
        )
    if splits:
        remarks.append(f"split as the folders {', '.join(sorted(tops))} say")
    return pairs, remarks


def _match(images: Path, masks: Path) -> Tuple[Dict[str, Path], Dict[str, Path], NameRule, Matches]:
    """Images and masks by name, and how they match."""
    if images.resolve() != masks.resolve():
        image_files = by_name(list_files(images, "images", exclude=masks), images)
        mask_files = by_name(list_files(masks, "masks", exclude=images), masks)
        return (image_files, mask_files, *best_rule(list(image_files), list(mask_files)))
    best, most = None, 0.0
    for of_images, of_masks in _sides(list_files(images, "images and masks")):
        try:
            image_files, mask_files = by_name(of_images, images), by_name(of_masks, images)
        except PairingError:
            continue
        rule, matches = best_rule(list(image_files), list(mask_files))
        share = len(matches) / max(len(image_files), len(mask_files))
        if share > most:
            best, most = (image_files, mask_files, rule, matches), share
    if best is None:
        raise PairingError(
            f"{images}: images and masks are in one folder and cannot be told apart, neither by "
            "suffix (x.jpg and x.png) nor by name (x.png and x_mask.png); move the masks to a "
            "folder of their own"
        )
    return best


def _sides(files: Sequence[Path]) -> Iterator[Tuple[List[Path], List[Path]]]:
    """Ways to tell images from masks, the likeliest first: by words in names, JPEG images."""
    by_word = [bool(_MASK.match(path.stem)) for path in files]
    by_suffix = [path.suffix.lower() not in JPEG for path in files]
    for is_mask in (by_word, by_suffix):
        images = [path for path, mask in zip(files, is_mask) if not mask]
        masks = [path for path, mask in zip(files, is_mask) if mask]
        if images and masks:
            yield images, masks
