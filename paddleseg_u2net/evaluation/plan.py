"""Which methods are scored on which data sets, and by which scores."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from paddleseg_u2net.io.yaml_text import YamlError, read_yaml_file
from paddleseg_u2net.metrics import DEFAULT, SCORES, members, resolve


class PlanError(ValueError):
    """A plan that cannot be carried out; the message says what to change."""


@dataclass(frozen=True)
class DataSet:
    """Folders of one data set, with the same names but for the suffix."""

    gt_dir: Optional[Path] = None  # masks of the objects
    points_dir: Optional[Path] = None  # fixation points
    density_dir: Optional[Path] = None  # fixation densities
    image_dir: Optional[Path] = None  # the images, for the HTML page and the warp error
    list: Optional[Path] = None  # a file of the names that count, one a line; None takes all
    mask_suffix: str = ""  # what names of masks have behind the common part, such as _gt

    def truths(self) -> Dict[str, Path]:
        """Return the folders of ground truth by kind: mask, points, density."""
        found = {"mask": self.gt_dir, "points": self.points_dir, "density": self.density_dir}
        return {kind: folder for kind, folder in found.items() if folder is not None}


@dataclass(frozen=True)
class MethodOnDataset:
    """One method on one data set."""

    method: str
    dataset: str
    map_dir: Path
    truth: DataSet
    map_suffix: str = ""

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset}"


def from_folders(
    maps: Sequence[str], truths: Sequence[str], map_suffix: str = "", **others: Any
) -> List[MethodOnDataset]:
    """Return the methods and data sets of folders ``PATH`` or ``NAME=PATH``.

    With several ``truths``, folders of masks, each folder of maps has a folder of the set's name
    below it; there are none with fixations only. ``others``: the other fields of `DataSet`.
    """
    methods = _named(maps, "--pred_dir")
    sets: List[Tuple[str, Optional[Path]]] = [*_named(truths, "--gt_dir")] or [("set", None)]
    if len(sets) > 1 and any(value for key, value in others.items() if key != "mask_suffix"):
        given = ", ".join(f"--{key}" for key, value in others.items() if value)
        raise PlanError(
            f"{given}: with several --gt_dir it is not known to which set this belongs; write the "
            "sets to a YAML file and give it as --config"
        )
    return [
        MethodOnDataset(
            method,
            name,
            folder / name if len(sets) > 1 else folder,
            DataSet(gt_dir=gt_dir, **others),
            map_suffix,
        )
        for name, gt_dir in sets
        for method, folder in methods
    ]


def _named(texts: Sequence[str], option: str) -> List[Tuple[str, Path]]:
    named: Dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        # A folder may have "=" in its name.
        if not equals or Path(text).is_dir():
            name, path = Path(text).name or Path(text).resolve().name, text
        if not name.strip() or not path.strip():
            raise PlanError(f"{option}: expected PATH or NAME=PATH, got {text!r}")
        _check_name(option, name)
        if name in named:
            raise PlanError(
                f"{option}: {named[name]} and {path} would both be called {name}; give them names, "
                f"as in {option} first={named[name]} second={path}"
            )
        named[name] = Path(path)
    return list(named.items())


def _check_name(where: str, name: str) -> None:
    """Refuse the name of a method or set that cannot be the name of a folder or file."""
    if name in (".", "..") or set(name) & set("/\\"):
        raise PlanError(f"{where}: expected a name without slashes for files, got {name!r}")


_FORM = """\
datasets:
  ECSSD: {gt_dir: data/ECSSD/masks, image_dir: data/ECSSD/images}
  SOD: data/SOD/masks
methods:
  U2NetP: maps/u2netp/{dataset}
  DSS: {maps: {SOD: maps/dss_on_sod}, map_suffix: _DSS}"""


def from_yaml(path: Path) -> List[MethodOnDataset]:
    """Read a YAML file of the form of `_FORM`; its folders are relative to the working directory.

    A method need not have maps of every set. With one set, ``{dataset}`` is not needed.
    """

    def check(fits: object, where: str, got: object) -> None:
        if not fits:
            raise PlanError(f"{path}: {where}: expected the form\n{_FORM}\ngot {got!r}")

    try:
        tree = read_yaml_file(path)
    except (OSError, YamlError) as error:
        raise PlanError(f"{path}: expected a YAML file of data sets and methods: {error}") from None
    keys = list(tree) if isinstance(tree, dict) else tree
    check(isinstance(tree, dict) and set(tree) == {"datasets", "methods"}, "keys", keys)
    for key, named in tree.items():
        check(isinstance(named, dict) and named, key, named)
        for name in named:
            _check_name(f"{path}: {key}", str(name))
    sets: Dict[str, DataSet] = {}
    for name, value in tree["datasets"].items():
        value = {"gt_dir": value} if isinstance(value, str) else value
        where = f"datasets.{name}"
        check(isinstance(value, dict), where, value)
        given = {key: item for key, item in value.items() if item is not None}
        check(set(given) <= {item.name for item in fields(DataSet)}, where, value)
        check({"gt_dir", "points_dir", "density_dir", "image_dir"} & set(given), where, value)
        suffix = given.pop("mask_suffix", "")
        check(all(isinstance(item, (str, int)) for item in (suffix, *given.values())), where, value)
        check(all(str(folder).strip() for folder in given.values()), where, value)
        folders: Dict[str, Any] = {key: Path(str(folder)) for key, folder in given.items()}
        sets[str(name)] = DataSet(**folders, mask_suffix=str(suffix))
    methods: Dict[str, Tuple[Dict[str, str], str]] = {}
    for name, value in tree["methods"].items():
        value = value if isinstance(value, dict) and "maps" in value else {"maps": value}
        where, maps, suffix = f"methods.{name}", value["maps"], value.get("map_suffix") or ""
        check(set(value) <= {"maps", "map_suffix"} and isinstance(suffix, str), where, value)
        if isinstance(maps, str) and (len(sets) == 1 or "{dataset}" in maps):
            maps = {key: maps.replace("{dataset}", key) for key in sets}
        check(isinstance(maps, dict) and maps, where, value)
        by_set = {str(key): folder for key, folder in maps.items()}
        check(set(by_set) <= set(sets), where, value)
        check(all(isinstance(f, str) and f.strip() for f in by_set.values()), where, value)
        methods[str(name)] = by_set, suffix
    return [
        MethodOnDataset(method, name, Path(folders[name]), truth, suffix)
        for name, truth in sets.items()
        for method, (folders, suffix) in methods.items()
        if name in folders
    ]


def choose_scores(
    names: Optional[Sequence[str]], plan: Sequence[MethodOnDataset], spread: bool
) -> List[str]:
    """Return the keys of the scores that every data set has the ground truth for.

    ``names``: scores, families and "all"; None takes whatever there is ground truth for.
    ``spread``: whether densities are made of fixation points.
    """
    truths = [set(each.truth.truths()) for each in plan]
    kinds = set.intersection(*truths)
    there = kinds | ({"density"} if "points" in kinds and spread else set())
    if all(each.truth.image_dir for each in plan):
        there.add("images")
    # Without any fixations the object is taken for them; not where one set has them and another
    # has not, since their numbers would be compared.
    anything = set.union(*truths) == {"mask"}
    if names is None:
        names = [*DEFAULT, "boundary"] if "mask" in kinds else []
        names = [*names, "fixation"] if kinds - {"mask"} else names
        names = ["video"] if not any(truths) else names
    wanted: List[str] = []
    for name in map(resolve, names):
        found = [
            each.key
            for each in members(name)
            if each.needs in there or (anything and each.needs != "images")
        ]
        if name in SCORES and not found:
            raise ValueError(f"--metrics {name}: {_needed(SCORES[name].needs, kinds)}")
        wanted += found
    if not wanted:
        asked = f"--metrics {' '.join(names)}" if names else "no score fits all sets"
        raise ValueError(f"{asked}: {_needed('', kinds)}")
    return wanted


def _needed(kind: str, kinds: Set[str]) -> str:
    needs = {
        "mask": "--gt_dir",
        "points": "--points_dir",
        "density": "--density_dir, or --points_dir and --sigma",
        "images": "--image_dir",
    }.get(kind, "--gt_dir, --points_dir or --density_dir")
    got = ", ".join(sorted(kinds)) or "nothing"
    return f"expected {needs} for all sets, got ground truth of this kind for all: {got}"
