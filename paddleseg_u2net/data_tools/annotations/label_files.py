"""Reading label files, JSON and text.

What is missing or something else raises AnnotationError, which names the place and the repair.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

from paddleseg_u2net.data_tools.annotations.sample import AnnotationError, wrong
from paddleseg_u2net.io import files
from paddleseg_u2net.io.file_types import HEAD, file_type
from paddleseg_u2net.progress import tracked

Item = TypeVar("Item")
Found = TypeVar("Found")
Hook = Callable[[Dict[str, Any]], Any]

# Keys by which the kind of a JSON file is recognised.
_KINDS: Dict[str, Tuple[str, ...]] = {
    "a COCO file": ("images", "annotations"),
    "a labelme file": ("shapes", "imagePath"),
    "Supervisely's label of one image": ("objects", "size"),
    "Supervisely's meta.json": ("classes", "tags"),
    "a project of the VGG Image Annotator": ("_via_img_metadata",),
    "a GeoJSON file": ("type", "features"),
}
_TYPES = {
    dict: "an object {...}",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def read_lines(path: Path) -> List[str]:
    """Read the lines of a UTF-8 text file, without spaces around them."""
    try:
        return [line.strip() for line in files.read_text(path).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise AnnotationError(f"{path}: expected text in UTF-8, but {why}; correct it") from error


def read_json(path: Path, hook: Optional[Hook] = None) -> Any:
    """Read a JSON file, in UTF-8 with or without a byte order mark.

    Args:
        path: The file.
        hook: Called with each object as soon as it is complete; its answer takes the object's
            place. A large file needs little memory if it makes small things of large ones.
    """
    data = b""
    try:
        with files.open_file(path) as file:
            data = file.read()
        text = data.decode("utf-8-sig")
        data = data[:HEAD]  # as little as may be, beside the text and what comes of it
        return json.loads(text, object_hook=hook)
    except AnnotationError:
        raise
    except (OSError, RecursionError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        hint = "" if isinstance(error, OSError) else _hint(data[:HEAD])
        repair = hint or "check the path, or fetch or export it again"
        raise AnnotationError(f"{path}: expected JSON in UTF-8, but {why}; {repair}") from None


def _hint(beginning: bytes) -> str:
    """What to do about a file that is something else, where its first bytes tell."""
    found = file_type(beginning)
    if beginning[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16: save it as UTF-8"
    if beginning.lstrip().startswith(b"<") and (found is None or found.name == "xml"):
        return "it is XML: choose the reader for VOC or CVAT"
    if found is None or found.name == "json":
        return ""
    return f"it is {found.words}: {found.repair or 'give the label file'}"


def kind_of(tree: Any) -> str:
    """Say what a JSON file looks like, in words that follow "it looks like"."""
    if isinstance(tree, dict):
        for name, keys in _KINDS.items():
            if all(key in tree for key in keys):
                return name
        found = ", ".join(list(map(str, tree))[:6])
        return f"an object with the keys {found}" if found else "an empty object {}"
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        if "image_id" in tree[0]:
            return "a COCO file of results (predictions), which has no images and no class names"
        return f"a list of objects with the keys {', '.join(list(map(str, tree[0]))[:6])}"
    return _TYPES.get(type(tree), "something else")


def require_keys(tree: Any, keys: Tuple[str, ...], path: Path, expected: str) -> Dict[str, Any]:
    """Return the file's object if it has the keys of its kind; else say what it looks like."""
    missing = [key for key in keys if key not in tree] if isinstance(tree, dict) else list(keys)
    if not missing:
        return tree
    if len(missing) < len(keys):  # of the right kind, but incomplete
        raise AnnotationError(
            f"{path}: expected {expected} with {', '.join(keys)}, but {missing[0]} is missing; "
            f"it looks like {kind_of(tree)}; export it again"
        )
    raise AnnotationError(
        f"{path}: expected {expected}, but it looks like {kind_of(tree)}; choose the reader for "
        "that or give the right file"
    )


def field(
    tree: Any, key: str, kinds: Union[Type[Any], Tuple[Type[Any], ...]], where: object
) -> Any:
    """Return ``tree[key]`` if it is of one of the kinds; ``true`` is no number."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(tree, dict):
        raise wrong(where, "an object {...}", _shown(tree))
    if key not in tree:
        raise AnnotationError(f"{where}: {key} is missing; add it there or export it again")
    value = tree[key]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join(_TYPES.get(kind, kind.__name__) for kind in kinds)
        raise wrong(where, f"{expected} as {key}", _shown(value))
    return value


def size_field(tree: Any, height: str, width: str, where: object) -> Tuple[int, int]:
    """Return height and width, whole numbers from 1 on that are stored under two keys."""
    numbers = []
    for key in (height, width):
        value = field(tree, key, (int, float), where)
        if not value >= 1 or value != value // 1 or value > 1e9:
            raise wrong(where, f"a number of pixels as {key}", value)
        numbers.append(int(value))
    return numbers[0], numbers[1]


def _shown(value: Any) -> str:
    return f"{_TYPES.get(type(value), type(value).__name__)} {repr(value)[:60]}"


def thread_map(work: Callable[[Item], Found], items: Sequence[Item], what: str) -> List[Found]:
    """Return ``work(item)`` for all items in order, from several threads, with progress.

    Threads are enough, as decoding and counting release the interpreter's lock. The result is no
    generator: one that is left early waits for its threads when it is collected, and where that
    happens while another thread starts, both wait for ever (Python 3.12).
    """
    with ThreadPoolExecutor() as pool:
        # In chunks, so that little is left to do after an error.
        chunks = (items[start : start + 256] for start in range(0, len(items), 256))
        found = chain.from_iterable(pool.map(work, chunk) for chunk in chunks)
        return list(tracked(found, f"looking at {what}", "files", len(items)))
