"""The known data sets: what each holds, where it comes from, how its archives lay it out.

Rows stand in ``known.yaml``, or in a YAML file of one's own, whose path stands for a name.
"""

from __future__ import annotations

from collections import UserDict
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import yaml

from paddleseg_u2net.datasets.pairing import PairingError
from paddleseg_u2net.datasets.patterns import Patterns, make_patterns
from paddleseg_u2net.io.yaml_text import YamlError, read_yaml_file

LAYOUTS = ("folders", "lists", "supervisely")
ENCODINGS = ("binary", "index", "instances", "votes")
_FILE = Path(__file__).with_name("known.yaml")


class RowError(ValueError):
    """A row cannot be used; the message names the file and key, what was expected and what came."""


class Split(NamedTuple):
    """A part of a data set: a list file, or a folder of images and one of masks, or both.

    ``found_as`` and ``lists_as`` are other names of the two folders and of the list, as archives
    have them; ``mask_end`` is what these add to the image's name for its mask.
    """

    pairs: int  # that the authors publish
    list_file: str = ""  # used where it is there, else the folders
    images: str = ""
    masks: str = ""
    found_as: Tuple[Tuple[str, str], ...] = ()
    lists_as: Tuple[str, ...] = ()
    mask_end: str = ""


class Archive(NamedTuple):
    """A file to download; without an address it can only be had by hand."""

    filename: str
    addresses: Tuple[str, ...] = ()
    checksum: Optional[str] = None  # as sha256:... or md5:...


class Row(NamedTuple):
    """One data set. Paths are relative to its root, ``data/<name>`` unless a key says otherwise.

    Attributes:
        splits: By part; of YAML the key ``parts``, or what ``pool`` and ``val_share`` make.
        classes: Names by number, the background first.
        config: The configuration below ``configs/RGB/U2Net``; else preparing writes one.
        layout: How archives hold it: one of `LAYOUTS`; lists have `image mask` lines.
        mask_encoding: Of the masks in archives: binary (0 and 255; values between are cut in the
            middle), index (0 and one other number), instances (0 and numbers of objects), or votes
            (the share of people who marked a pixel, cut in the middle).
        pool: Where the authors give no parts: all of it. The hash of a name decides its part.
        val_share: The share of the pool that is for validation.
        licence: Empty if none is stated.
        megabytes: Size of the archives, about; 0 if nobody states it.
        shows, notes, folders: Of the documentation: what the pictures show, what happens to them,
            and the folders if their names are not in ``splits``.
    """

    title: str
    splits: Dict[str, Split]
    classes: Tuple[str, ...] = ("background", "foreground")
    config: str = ""
    archives: Tuple[Archive, ...] = ()
    layout: str = "folders"
    mask_encoding: str = "binary"
    pool: Optional[Split] = None
    val_share: float = 0.0
    homepage: str = ""
    licence: str = ""
    cite: str = ""
    by_hand: str = ""
    megabytes: int = 0
    shows: str = ""
    notes: str = ""
    folders: str = ""
    name: str = ""

    @property
    def fetchable(self) -> bool:
        """Whether all of it has an address."""
        return bool(self.archives) and all(archive.addresses for archive in self.archives)


def is_row_file(name: str) -> bool:
    """Whether ``name`` is that of a YAML file instead of a known data set."""
    return name.endswith((".yaml", ".yml"))


def find_row(name: str) -> Row:
    """Return the row of a known data set, or that of a YAML file; RowError if it is no row."""
    if name in TABLE:
        return TABLE[name]
    if not is_row_file(name):
        raise PairingError(f"name: expected one of {', '.join(TABLE)}, got {name!r}")
    try:
        tree = read_yaml_file(name)
    except YamlError as error:
        raise RowError(f"{name}: this is not YAML: {error}") from error
    return _row(Path(name).stem, tree, name)


def classes_of(name: Any) -> Tuple[str, ...]:
    """Return the classes of `find_row`, none where there is no such row."""
    known = isinstance(name, str) and (name in TABLE or is_row_file(name))
    return find_row(name).classes if known else ()


class PairPaths(NamedTuple):
    """A list file whose paths are below ``root``, or two folders, or patterns below ``root``."""

    root: Path
    list_file: Optional[Path] = None
    images: Path = Path()
    masks: Path = Path()
    patterns: Optional[Patterns] = None


def resolve_paths(
    mode: str,
    name: Optional[str] = None,
    dataset_root: Optional[str] = None,
    list_path: Union[str, Sequence[str], None] = None,
    images: Optional[str] = None,
    masks: Union[str, Sequence[str], None] = None,
) -> PairPaths:
    """Tell where a part's pairs are by what a configuration says of them."""
    root = _root(mode, name, dataset_root)
    if images is not None and "*" in images:
        lists = [list_path] if isinstance(list_path, str) else list_path or []
        found = [_list_file(root, path) for path in lists]
        patterns = make_patterns(images, masks, found, f"{mode}_dataset")
        return PairPaths(root, patterns=patterns)
    for key, value in ((f"{mode}_path", list_path), ("masks", masks)):
        if value is not None and not isinstance(value, str):
            raise PairingError(
                f"{mode}_dataset.{key}: expected one path, or a pattern with * in images, got "
                f"{value!r}"
            )
    if list_path is None and images is None and masks is None and name is not None:
        splits = find_row(name).splits
        if mode not in splits:
            raise PairingError(f"name: {name} has no {mode} part, only {', '.join(splits)}")
        split = splits[mode]
        # A list says more than folders: it may leave pairs out. But not everyone has it.
        if split.list_file and ((root / split.list_file).is_file() or not split.images):
            list_path = split.list_file
        else:
            images, masks = split.images, split.masks
    if list_path:
        return PairPaths(root, _list_file(root, str(list_path)))
    if images and masks:
        masks = str(masks)
        return PairPaths(root, None, root / images, root / masks)
    raise PairingError(
        f"{mode}_dataset: expected name, or {mode}_path (a list file), or both images and masks "
        "(folders); got none of these"
    )


def _list_file(root: Path, path: str) -> Path:
    # As in PaddleSeg a list may also be given relative to the working folder.
    candidates = [root / path, Path(path)]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _root(mode: str, name: Optional[str], dataset_root: Optional[str]) -> Path:
    folder = f"data/{find_row(name).name}" if name else "."
    root = Path(dataset_root or folder)
    if not root.is_dir():
        bring = (
            f"; `python benchmark_data_prepare/prepare.py {name}` fetches and prepares it (or "
            "with --archive FILES, or --source FOLDER for an unpacked copy)"
            if name
            else ""
        )
        raise PairingError(
            f"{root}: expected the data set's folder, found none{bring}; or name "
            f"another: --opts {mode}_dataset.dataset_root=FOLDER"
        )
    return root


# What is expected of a key, and whether a value is that.
_Key = Tuple[str, Callable[[Any], bool]]


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and ".." not in value and value[0] not in "/\\"


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _starts(*beginnings: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.startswith(beginnings)


_TEXT: _Key = ("a text", _starts(""))
_COUNT: _Key = ("a whole number above 0", lambda value: type(value) is int and value > 0)
_PATH: _Key = ("a path below the data set's folder", _is_path)
_MAPPING: _Key = ("keys with values", lambda value: isinstance(value, dict))
_SPLIT: Dict[str, _Key] = {
    "pairs": _COUNT,
    "images": _PATH,
    "masks": _PATH,
    "found_as": (
        "a list of [images, masks], two paths each",
        _list_of(lambda pair: _list_of(_is_path)(pair) and len(pair) == 2),
    ),
    "lists_as": ("a list of names", _list_of(_is_path)),
    "mask_end": _TEXT,
}
_ARCHIVE: Dict[str, _Key] = {
    "filename": ("a name of a file", lambda value: _is_path(value) and "/" not in value),
    "addresses": ("a list of addresses that begin with http", _list_of(_starts("http"))),
    "checksum": ("sha256:... or md5:...", _starts("sha256:", "md5:")),
}
_ROW: Dict[str, _Key] = {
    "title": _TEXT,
    "parts": _MAPPING,
    "classes": (
        "two names or more, the background first",
        lambda value: _list_of(_starts(""))(value) and len(value) > 1,
    ),
    "config": _PATH,
    "archives": ("a list", _list_of(lambda item: True)),
    "layout": (f"one of {', '.join(LAYOUTS)}", LAYOUTS.__contains__),
    "mask_encoding": (f"one of {', '.join(ENCODINGS)}", ENCODINGS.__contains__),
    "pool": _MAPPING,
    "val_share": ("a number between 0 and 1", lambda value: type(value) is float and 0 < value < 1),
    "megabytes": _COUNT,
    **dict.fromkeys(("homepage", "licence", "cite", "by_hand", "shows", "notes", "folders"), _TEXT),
}
_PARTS = dict.fromkeys(("train", "val", "test"), _MAPPING)


def _row(name: str, tree: Any, where: str) -> Row:
    given = _checked(tree, _ROW, where, "title")
    if ("parts" in given) == ("pool" in given) or ("pool" in given) != ("val_share" in given):
        raise RowError(f"{where}: expected parts, or pool and val_share, got {', '.join(given)}")
    pool: Optional[Split] = None
    splits: Dict[str, Split] = {}
    if "pool" in given:
        pool = _split(given.pop("pool"), f"{where}: pool")
        val = max(1, round(pool.pairs * given["val_share"]))
        for part, pairs in (("train", pool.pairs - val), ("val", val)):
            splits[part] = Split(pairs, f"{part}_list.txt")
    else:
        for part, split in _checked(given.pop("parts"), _PARTS, f"{where}: parts").items():
            made = _split(split, f"{where}: parts.{part}")
            if not made.images and given.get("layout") != "lists":
                raise RowError(f"{where}: parts.{part}.images: expected a folder, or layout: lists")
            splits[part] = made._replace(list_file=f"{part}_list.txt")
    archives = [
        Archive(**_checked(item, _ARCHIVE, f"{where}: archives.{number}", "filename"))
        for number, item in enumerate(given.pop("archives", ()))
    ]
    return Row(splits=splits, pool=pool, archives=tuple(archives), name=name, **given)


def _split(tree: Any, where: str) -> Split:
    given = _checked(tree, _SPLIT, where, "pairs")
    if ("images" in given) != ("masks" in given):
        raise RowError(f"{where}: expected both images and masks, got one of them")
    return Split(**given)


def _checked(tree: Any, keys: Mapping[str, _Key], where: str, required: str = "") -> Dict[str, Any]:
    """The values of a mapping, of which each key is known and each value fits; lists as tuples."""
    if not isinstance(tree, dict) or not tree:
        raise RowError(f"{where}: expected keys of {', '.join(keys)}, got {tree!r}")
    if required and required not in tree:
        raise RowError(f"{where}: expected the key {required}, found none")
    for key, value in tree.items():
        if key not in keys:
            raise RowError(f"{where}: expected keys of {', '.join(keys)}, got {key!r}")
        expected, fits = keys[key]
        if not fits(value):
            raise RowError(f"{where}: {key}: expected {expected}, got {value!r}")
    return {key: _as_tuple(value) for key, value in tree.items()}


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


class _Known(UserDict[str, Row]):
    """The named data sets, read when they are asked for: most processes need none."""

    def __init__(self) -> None:
        """Nothing yet: `UserDict` would make an empty dictionary."""

    @cached_property
    def data(self) -> Dict[str, Row]:  # type: ignore[override]
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        rows = read_yaml_file(_FILE, loader).items()
        return {name: _row(name, tree, f"{_FILE.name}: {name}") for name, tree in rows}


TABLE = _Known()
