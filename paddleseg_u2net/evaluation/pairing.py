"""Which saliency map belongs to which ground truth: files of one name in several folders.

A file that is left out without a word changes a score. So every file must have its counterparts,
and whatever is left out on demand is reported.
"""

from __future__ import annotations

import re
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import (
    AbstractSet,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from paddleseg_u2net.datasets.name_rules import best_rule, without_ending, without_number
from paddleseg_u2net.datasets.pairing import PairingError, by_name, list_files, read_lines
from paddleseg_u2net.io.images import IMAGE_SUFFIXES
from paddleseg_u2net.text import short_list

MAP_SUFFIXES = IMAGE_SUFFIXES | {".npy"}
POINT_SUFFIXES = MAP_SUFFIXES | {".csv", ".txt", ".mat"}
# Options of tools/eval_maps.py that name an ending.
_OPTIONS = {"map": "--map_suffix", "mask": "--mask_suffix"}


class MapFiles(NamedTuple):
    """A saliency map and its ground truth; ``name`` is their common name without suffix.

    Of a video, ``before`` is the frame before it, which has none itself; a frame ``behind_gap`` has
    none because files are missing.
    """

    name: str
    map: Path
    mask: Optional[Path] = None
    points: Optional[Path] = None
    density: Optional[Path] = None
    image: Optional[Path] = None
    before: Optional[MapFiles] = None
    behind_gap: bool = False


def pair_maps(
    map_folder: Path,
    truths: Mapping[str, Path],
    endings: Mapping[str, str],
    subset: Optional[Path] = None,
    allow_missing: bool = False,
) -> Tuple[List[MapFiles], List[str]]:
    """Pair maps with ground truth of several kinds: ``mask``, ``points``, ``density``.

    Subfolders are part of the names. ``endings``: what names have behind the common part, by
    ``map`` or kind, in any letter case: ``_DSS``, or with the suffix of the file ``_DSS.png``;
    other files are not looked at. ``subset``: a file of the names that count, one a line; or of
    lines ``image mask`` as PaddleSeg has them, of which the mask's name counts.

    Returns:
        Files by name, sorted; and names that were left out, as is allowed, since one of their
        files is missing. What does not fit otherwise is a PairingError.
    """
    folders = {"map": map_folder, **truths}
    endings = {kind: endings.get(kind, "") for kind in folders}
    places = {(folder.resolve(), endings[kind].lower()) for kind, folder in folders.items()}
    if len(places) < len(folders):
        given = ", ".join(f"{folder} ({kind})" for kind, folder in folders.items())
        raise PairingError(
            f"{given}: of two the files would be compared with themselves; give the folder of "
            "each, or their endings"
        )
    files = {kind: _files(folder, kind, endings[kind]) for kind, folder in folders.items()}
    names = set().union(*files.values())
    common = names.intersection(*files.values())
    if not common:
        raise PairingError(_nothing_in_common(folders, files))
    if subset is not None:
        names = _listed_names(subset, names, endings)
    missing, there = names - common, sorted(names & common)
    if missing and not (allow_missing and there):
        found = "; ".join(
            f"{folders[kind]} has no {kind} for {len(absent)} of {len(names)} names: "
            f"{short_list(sorted(absent))}"
            for kind in files
            if (absent := names.difference(files[kind]))
        )
        raise PairingError(
            f"{subset or 'all names'}: expected every name in every folder; {found}; add or remove "
            "files, name those that count with --list, or take --allow_missing"
        )
    items = [
        MapFiles(name, **dict(zip(files, map(itemgetter(name), files.values())))) for name in there
    ]
    return items, sorted(missing)


def with_images(
    items: Sequence[MapFiles], images: Mapping[str, Path], folder: Path, allow_missing: bool = False
) -> Tuple[List[MapFiles], List[str]]:
    """Return the items with their images, and the names that were left out as there is none."""
    there = [item._replace(image=images[item.name]) for item in items if item.name in images]
    missing = [item.name for item in items if item.name not in images]
    if missing and not (allow_missing and there):
        raise PairingError(
            f"{folder}: expected the image of every map, there is none of {len(missing)} of "
            f"{len(items)}: {short_list(missing)}; add them, or take --allow_missing"
        )
    return there, missing


def _files(folder: Path, kind: str, ending: str) -> Dict[str, Path]:
    """Return files by name without ``ending``, of those that have it."""
    suffixes = POINT_SUFFIXES if kind == "points" else MAP_SUFFIXES
    ending, suffix = _without_suffix(ending, suffixes)
    option = _OPTIONS.get(kind, "a suffix")
    paths = list_files(folder, f"{kind} files", {suffix} if suffix else suffixes)
    found = by_name(paths, folder, f"remove one, or choose with {option} {{0}} or {{1}}")
    if not ending:
        return found
    named: Dict[str, Path] = {}
    for full, path in found.items():
        name = without_ending(full, ending)
        if name is not None and named.setdefault(name, path) != path:
            raise PairingError(
                f"{folder}: {named[name].name} and {path.name} have one name but for the letter "
                f"case of {ending}; remove one"
            )
    if not named:
        raise PairingError(
            f"{folder}: expected names that end in {ending}, got "
            f"{short_list(sorted(found))}; correct {option}"
        )
    for full, path in found.items() if kind == "mask" else ():
        # With a number behind the ending it is a part of a mask that has it.
        unnumbered = without_number(full)
        name = without_ending(unnumbered, ending)
        if unnumbered != full and name in named:
            raise PairingError(
                f"{path}: this is a further mask of the image that has {named[name].name}, and a "
                "map is scored against one; merge them first, as dataset.py import folders does"
            )
    return named


def _without_suffix(name: str, suffixes: Iterable[str]) -> Tuple[str, str]:
    """Return a name and its suffix in lower case, empty where it has none of these."""
    for suffix in suffixes:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix
    return name, ""


def _listed_names(path: Path, known: AbstractSet[str], endings: Mapping[str, str]) -> Set[str]:
    """Return the names of a list file; one that is not ``known`` as it is listed."""
    try:
        lines = read_lines(path)
    except OSError as error:
        raise PairingError(f"{path}: expected a list of names in UTF-8 ({error})") from error
    first: Dict[str, int] = {}
    for number, line in lines:
        name = _name_of_line(line, known, endings)
        if first.setdefault(name, number) != number:
            raise PairingError(
                f"{path}: lines {first[name]} and {number} both name {name}; delete one"
            )
    if not first:
        raise PairingError(f"{path}: expected names, one a line, the file has none")
    return set(first)


def _name_of_line(line: str, known: AbstractSet[str], endings: Mapping[str, str]) -> str:
    words = re.split("[\t ,]+", line)
    if len(words) == 2 and PurePosixPath(words[0]).suffix.lower() in IMAGE_SUFFIXES:
        line = words[1]
    name, _ = _without_suffix(line.replace("\\", "/"), POINT_SUFFIXES)
    # The longest path first: the folders of a list may be folders of the names, or lead to them.
    for k in range(name.count("/") + 1):
        tail = name.split("/", k)[-1]
        for ending in ("", *endings.values()):
            shorter = without_ending(tail, _without_suffix(ending, POINT_SUFFIXES)[0])
            if shorter is not None and shorter in known:
                return shorter
    return name


def _nothing_in_common(folders: Mapping[str, Path], files: Mapping[str, Mapping[str, Path]]) -> str:
    """Say that no name is in every folder, with examples and the endings that would pair some."""
    kinds = [kind for kind in folders if kind != "map"]
    # One kind is to blame if maps and that kind share nothing; else all of them together.
    kind = next((kind for kind in kinds if not files["map"].keys() & files[kind].keys()), kinds[0])
    examples = "; ".join(
        f"{folders[side]} ({side}): {short_list(sorted(files[side]))}" for side in ("map", kind)
    )
    maps, truths = list(files["map"]), list(files[kind])
    rule, matches = best_rule(truths, maps)
    options = [
        f"{_OPTIONS[side]}={ending}" if side in _OPTIONS else f"names of {side} without {ending}"
        for side, ending in (("map", rule.mask[1]), (kind, rule.image[1]))
        if ending
    ]
    repair = "give folders of the same images, or what one has behind the common part of the names"
    if options and 2 * len(matches) >= min(len(maps), len(truths)):
        repair = f"{' and '.join(options)} would pair {len(matches)} of {len(maps)} maps"
    return f"expected the same names in these folders but for the suffix, got {examples}; {repair}"
