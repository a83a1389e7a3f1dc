"""Which methods are scored on which data sets, and by which scores."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from paddleseg_u2net.io.yaml_text import YamlError, read_yaml_file
from paddleseg_u2net.metrics import DEFAULT, SCORES, Score, members, resolve


class PlanError(ValueError):
    """A plan that cannot be carried out; the message says what to change."""


@dataclass(frozen=True)
class DataSet:
    """Folders of one data set, with the same names but for the suffix.

    Attributes:
        gt_dir: Masks of the objects.
        points_dir: Fixation points.
        density_dir: Fixation densities.
        image_dir: The photographs, for the HTML page only.
        list: A file of the names that count, one a line; None takes all.
        mask_suffix: What the names of masks have behind the common part, such as ``_gt``.
    """

    gt_dir: Optional[Path] = None
    points_dir: Optional[Path] = None
    density_dir: Optional[Path] = None
    image_dir: Optional[Path] = None
    list: Optional[Path] = None
    mask_suffix: str = ""

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
    """Return the methods and data sets of folders as the command line names them.

    Args:
        maps: Folders of maps, ``PATH`` or ``METHOD=PATH``; without a name that of the folder.
        truths: Folders of masks, ``PATH`` or ``SET=PATH``. With several, each folder of maps has a
            folder of the set's name below it. None with fixations only.
        map_suffix: What the names of maps have behind the common part, such as ``_DSS``.
        others: The other fields of `DataSet`, the same for all sets.

    Raises:
        PlanError: a name or path is missing, or two methods or two sets have one name.
    """
    methods = _named(maps, "--pred_dir")
    if not truths:
        return [
            MethodOnDataset(method, "set", folder, DataSet(**others), map_suffix)
            for method, folder in methods
        ]
    sets = _named(truths, "--gt_dir")
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
            name, path = _last_name(text), text
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


def _last_name(text: str) -> str:
    """Return the name of a folder as it was typed, links and all; that of "." is its own."""
    name = Path(text).name
    return name if name not in ("", "..") else Path(text).resolve().name


def _check_name(where: str, name: str) -> None:
    """Refuse the name of a method or set that cannot be the name of a folder or file."""
    if name in (".", "..") or set(name) & set("/\\"):
        raise PlanError(
            f"{where}: expected a name without slashes, since folders and files are named after "
            f"it, got {name!r}"
        )


def from_yaml(path: Path) -> List[MethodOnDataset]:
    """Read a YAML file; its folders are relative to the working directory::

        datasets:
          ECSSD: {gt_dir: data/ECSSD/masks, image_dir: data/ECSSD/images}
          SOD: {gt_dir: data/SOD/masks}
        methods:
          U2NetP: maps/u2netp/{dataset}
          DSS: {maps: {SOD: maps/dss_on_sod}, map_suffix: _DSS}

    A method need not have maps of every set.

    Raises:
        PlanError: the file cannot be read, or is not of this form.
    """
    tree = _read(path)
    _check_keys(path, tree, {"datasets", "methods"})
    sets = {str(name): _data_set(path, name, value) for name, value in tree["datasets"].items()}
    methods = {
        str(name): _maps(path, name, value, list(sets)) for name, value in tree["methods"].items()
    }
    for key, names in (("datasets", sets), ("methods", methods)):
        for name in names:
            _check_name(f"{path}: {key}", name)
    return [
        MethodOnDataset(method, name, Path(folders[name]), truth, suffix)
        for name, truth in sets.items()
        for method, (folders, suffix) in methods.items()
        if name in folders
    ]


def _read(path: Path) -> Dict[str, Any]:
    try:
        tree = read_yaml_file(path)
    except (OSError, YamlError) as error:
        raise PlanError(f"{path}: expected a YAML file of data sets and methods: {error}") from None
    if not isinstance(tree, dict):
        raise PlanError(f"{path}: expected the keys datasets and methods, got {tree!r}")
    return tree


def _check_keys(path: Path, tree: Mapping[str, Any], expected: set) -> None:
    if set(tree) != expected:
        raise PlanError(
            f"{path}: expected the keys {', '.join(sorted(expected))}, "
            f"got {', '.join(map(str, tree)) or 'none'}"
        )
    for key in sorted(expected):
        if not isinstance(tree[key], dict) or not tree[key]:
            raise PlanError(f"{path}: {key}: expected names and folders, got {tree[key]!r}")


def _data_set(path: Path, name: object, value: Any) -> DataSet:
    where = f"{path}: datasets.{name}"
    known = [item.name for item in fields(DataSet)]
    value = {"gt_dir": value} if isinstance(value, str) else value
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        raise PlanError(
            f"{where}: expected a folder of masks, or some of {', '.join(known)}, got {value!r}"
        )
    given = {key: item for key, item in value.items() if item is not None}
    for key, item in given.items():
        if not isinstance(item, (str, int)) or (key != "mask_suffix" and not item):
            raise PlanError(f"{where}.{key}: expected a text, got {item!r}")
    if not {"gt_dir", "points_dir", "density_dir"} & set(given):
        raise PlanError(f"{where}: expected gt_dir, points_dir or density_dir, got {value!r}")
    arguments: Dict[str, Any] = {
        key: str(item) if key == "mask_suffix" else Path(str(item)) for key, item in given.items()
    }
    return DataSet(**arguments)


def _maps(path: Path, name: object, value: Any, sets: List[str]) -> Tuple[Dict[str, str], str]:
    """Return a method's folders by set, and what the names of its maps end in."""
    where = f"{path}: methods.{name}"
    value = value if isinstance(value, Mapping) and "maps" in value else {"maps": value}
    unknown = sorted(map(str, set(value) - {"maps", "map_suffix"}))
    if unknown:
        raise PlanError(f"{where}: there is no {', '.join(unknown)}; take maps, map_suffix")
    suffix = value.get("map_suffix")
    if not isinstance(suffix, (str, type(None))):
        raise PlanError(f"{where}.map_suffix: expected a text such as _DSS, got {suffix!r}")
    return _folders(where, value["maps"], sets), suffix or ""


def _folders(where: str, maps: Any, sets: List[str]) -> Dict[str, str]:
    by_set = {str(key): folder for key, folder in maps.items()} if isinstance(maps, Mapping) else {}
    if isinstance(maps, str) and maps.strip() and (len(sets) == 1 or "{dataset}" in maps):
        by_set = {key: maps.replace("{dataset}", key) for key in sets}
    unknown = sorted(set(by_set) - set(sets))
    if unknown:
        raise PlanError(
            f"{where}: there is no data set {', '.join(unknown)}; there are {', '.join(sets)}"
        )
    if not by_set or not all(isinstance(item, str) and item.strip() for item in by_set.values()):
        raise PlanError(
            f"{where}: expected a folder such as maps/{{dataset}}, with several data sets "
            f"{{dataset}} in it, or folders by data set such as {{{sets[0]}: maps}}, got {maps!r}"
        )
    return by_set


def choose_scores(
    names: Optional[Sequence[str]], plan: Sequence[MethodOnDataset], spread: bool
) -> List[str]:
    """Return the keys of the scores that every data set has the ground truth for.

    Args:
        names: Scores, families and "all"; None takes whatever there is ground truth for.
        plan: Methods and data sets.
        spread: Whether densities are made of fixation points.

    Raises:
        ValueError: a score was named that needs another ground truth, or none is left.
    """
    truths = [set(each.truth.truths()) for each in plan]
    kinds = set.intersection(*truths)
    possible = _possible(kinds, set.union(*truths), spread)
    if names is None:
        names = [*DEFAULT, "boundary"] if "mask" in kinds else []
        names = [*names, "fixation"] if kinds - {"mask"} else names
    wanted: List[str] = []
    for name in map(resolve, names):
        found = [score.key for score in members(name) if score.key in possible]
        if name in SCORES and not found:
            raise ValueError(f"--metrics {name}: {_what_it_needs(SCORES[name], kinds)}")
        wanted += found
    if not wanted:
        asked = f"--metrics {' '.join(names)}" if names else "no score fits all sets"
        raise ValueError(f"{asked}: {_what_it_needs(None, kinds)}")
    return wanted


def _possible(kinds: Set[str], of_any: Set[str], spread: bool) -> Set[str]:
    """Return the scores for which there is ground truth.

    Args:
        kinds: The kinds that every set has.
        of_any: Those that some set has.
        spread: As in `choose_scores`.
    """
    # Without any fixations the object is taken for them; not where one set has them and another
    # has not, since their numbers would be compared.
    if of_any == {"mask"}:
        return set(SCORES)
    there = kinds | ({"density"} if "points" in kinds and spread else set())
    return {key for key, score in SCORES.items() if score.needs in there}


def _what_it_needs(score: Optional[Score], kinds: Set[str]) -> str:
    needs = {
        "mask": "--gt_dir",
        "points": "--points_dir",
        "density": "--density_dir, or --points_dir and --sigma",
        "": "--gt_dir, --points_dir or --density_dir",
    }[score.needs if score else ""]
    got = ", ".join(sorted(kinds)) or "nothing"
    return f"expected {needs} for all sets, got ground truth of this kind for all: {got}"
