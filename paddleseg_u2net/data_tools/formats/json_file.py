"""JSON label files: read with errors that name the place, and looked into with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple, Type, Union

from paddleseg_u2net.data_tools.formats.sample import AnnotationError
from paddleseg_u2net.io import files

# Keys that tell what wrote a file.
_KINDS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("a COCO file", ("images", "annotations")),
    ("a labelme file", ("shapes", "imagePath")),
    ("Supervisely's label of one image", ("objects", "size")),
    ("Supervisely's meta.json", ("classes", "tags")),
    ("a project of the VGG Image Annotator", ("_via_img_metadata",)),
    ("a GeoJSON file", ("type", "features")),
    ("a YOLO or Roboflow description", ("nc", "names")),
)
_NAMES = {
    dict: "an object {...}",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def read_json(path: Path, hook: Optional[Callable[[Dict[str, Any]], Any]] = None) -> Any:
    """The content of a JSON file, in UTF-8 with or without a byte order mark.

    Args:
        path: The file.
        hook: Called with each object as soon as it is complete; its answer takes the object's
            place. A large file needs little memory if it makes small things of large ones.

    Raises:
        AnnotationError: it is missing, is no UTF-8 or no JSON; the message names the line and
            column. Errors of the hook pass.
    """
    try:
        with files.open_file(path) as file:
            data = file.read()
    except OSError as error:
        raise AnnotationError(
            f"{path}: expected a JSON file, but it cannot be read ({error.strerror or error}); "
            "check the path"
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AnnotationError(
            f"{path}: expected UTF-8, found the byte {data[error.start]:#04x} in line {line}; "
            f"{_no_text(data) or 'save it as UTF-8'}"
        ) from None
    del data
    return _parsed(path, text, hook)


def _parsed(path: Path, text: str, hook: Optional[Callable[[Dict[str, Any]], Any]]) -> Any:
    if not text.strip():
        raise AnnotationError(f"{path}: expected JSON, found an empty file; export it again")
    try:
        return json.loads(text, object_hook=hook)
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f"{path}, line {error.lineno}, column {error.colno}: expected JSON, but {error.msg}; "
            f"{_no_json(text) or 'the file may be cut: fetch or export it again'}"
        ) from None
    except RecursionError:
        raise AnnotationError(
            f"{path}: lists within lists far deeper than label files have; export it again"
        ) from None
    except AnnotationError:
        raise
    except ValueError as error:  # a whole number of thousands of digits
        raise AnnotationError(
            f"{path}: a number cannot be understood ({error}); correct it there"
        ) from None


def _no_text(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16: save it as UTF-8"
    if data[:2] in (b"PK", b"\x1f\x8b"):
        return "it is a packed archive: unpack it first"
    if data[:4] == b"\x89PNG" or data[:2] == b"\xff\xd8":
        return "it is a picture: give the label file"
    return ""


def _no_json(text: str) -> str:
    begin = text[:200].lstrip().lower()
    if begin.startswith("version https://git-lfs"):
        return "it is a git-lfs pointer: run 'git lfs pull' to fetch it"
    if begin.startswith(("<!doctype", "<html")):
        return "it is an HTML page, probably of a failed download: fetch it again"
    if begin.startswith("<"):
        return "it is XML: choose the reader for VOC or CVAT"
    return ""


def kind_of(tree: Any) -> str:
    """What a JSON file looks like, in words that follow "it looks like"."""
    if isinstance(tree, dict):
        for name, keys in _KINDS:
            if all(key in tree for key in keys):
                return name
        found = ", ".join(list(map(str, tree))[:6])
        return f"an object with the keys {found}" if found else "an empty object {}"
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        if "image_id" in tree[0]:
            return "a COCO file of results (predictions), which has no images and no class names"
        return f"a list of objects with the keys {', '.join(list(map(str, tree[0]))[:6])}"
    return _NAMES.get(type(tree), "something else")


def require(tree: Any, keys: Tuple[str, ...], path: Path, expected: str) -> Dict[str, Any]:
    """The file's object, if it has the keys of its kind.

    Raises:
        AnnotationError: it is another kind; the message says which it looks like.
    """
    if isinstance(tree, dict):
        missing = [key for key in keys if key not in tree]
        if not missing:
            return tree
        # It may be of the right kind with a part forgotten.
        if len(missing) < len(keys):
            raise AnnotationError(
                f"{path}: expected {expected} with {', '.join(keys)}, but {missing[0]} is missing; "
                f"it looks like {kind_of(tree)}; export it again"
            )
    raise AnnotationError(
        f"{path}: expected {expected}, but it looks like {kind_of(tree)}; choose the reader for "
        "that or give the right file"
    )


def member(
    tree: Any,
    key: str,
    kinds: Union[Type[Any], Tuple[Type[Any], ...]],
    where: object,
) -> Any:
    """``tree[key]``, if ``tree`` is an object and that is of one of the kinds.

    Raises:
        AnnotationError: it is missing or something else. ``true`` is no number.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(tree, dict):
        raise AnnotationError(
            f"{where}: expected an object {{...}}, got {_shown(tree)}; correct it there"
        )
    if key not in tree:
        raise AnnotationError(f"{where}: {key} is missing; add it there or export it again")
    value = tree[key]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(_NAMES.get(kind, kind.__name__) for kind in kinds)
        raise AnnotationError(
            f"{where}: expected {expected} as {key}, got {_shown(value)}; correct it there"
        )
    return value


def size(tree: Any, height: str, width: str, where: object) -> Tuple[int, int]:
    """Height and width under two keys.

    Raises:
        AnnotationError: one is missing or no whole number from 1 on.
    """
    numbers = []
    for key in (height, width):
        value = member(tree, key, (int, float), where)
        if not value >= 1 or value != value // 1 or value > 1e9:
            raise AnnotationError(
                f"{where}: expected a number of pixels as {key}, got {value}; correct it there"
            )
        numbers.append(int(value))
    return numbers[0], numbers[1]


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{_NAMES.get(type(value), type(value).__name__)} {text[:60]}"
