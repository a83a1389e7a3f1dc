"""``tools/dataset.py import``: images and labels of other tools into this project's layout."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Union

from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.data_tools.annotations.classes import Classes
from paddleseg_u2net.data_tools.annotations.sample import AnnotatedDataset
from paddleseg_u2net.data_tools.convert import Imported, Options, check_output, write
from paddleseg_u2net.data_tools.splits import PARTS
from paddleseg_u2net.env import cores
from paddleseg_u2net.parallel import MOST_WORKERS
from paddleseg_u2net.progress import Progress

_CODINGS = ("auto", "index", "binary", "soft", "alpha", "instance")
_CLASSES_SHOWN, _BAD_SHOWN = 40, 5
# Arguments that are files or folders to read.
_SOURCES = ("source", "annotations", "images", "masks", "table")


# What argparse is told of an argument.
_Settings = Dict[str, Any]


def _folder(what: str, required: bool = True) -> _Settings:
    return {"type": Path, "required": required, "metavar": "DIR", "help": what}


def _file(what: str) -> _Settings:
    return {"type": Path, "required": True, "metavar": "FILE", "help": what}


_CLASSES: _Settings = {
    "nargs": "+",
    "action": "extend",
    "metavar": "NEW=OLD,OLD",
    "help": "which classes become numbers 1, 2 ... and under which name; default: all",
}
_IGNORE: _Settings = {
    "nargs": "+",
    "action": "extend",
    "default": [],
    "metavar": "NAME",
    "help": "classes whose area counts nowhere",
}
_CHOICE: Dict[str, _Settings] = {"classes": _CLASSES, "ignore": _IGNORE}


class _Format(NamedTuple):
    """What a format is, and its arguments by name."""

    about: str
    arguments: Mapping[str, _Settings]


FORMATS = {
    "folders": _Format(
        "a folder of images and one of masks",
        {
            "images": _folder("images"),
            "masks": _folder("masks"),
            "mask_values": {
                "nargs": "+",
                "default": ["auto"],
                "metavar": "CODING",
                "help": f"{', '.join(_CODINGS)}, or value=class such as 0=0 128=1 255=255",
            },
            "classes": {
                "nargs": "+",
                "action": "extend",
                "metavar": "NAME",
                "help": "names of the classes 1, 2 ...",
            },
        },
    ),
    "coco": _Format(
        "COCO JSON: polygons and RLE",
        {
            "source": _folder(
                "a folder of files and images, as of Roboflow, CVAT or COCO itself", False
            ),
            "annotations": {
                "type": Path,
                "nargs": "+",
                "action": "extend",
                "default": [],
                "metavar": "FILE",
                "help": "instead: JSON files; what their names or folders say is their part",
            },
            "images": _folder("images of --annotations; default: beside each", False),
            **_CHOICE,
            "crowd": {
                "choices": ("object", "ignore"),
                "default": "object",
                "help": "whether crowds are objects or count nowhere; default: %(default)s",
            },
        },
    ),
    "labelme": _Format(
        "labelme's JSON files",
        {
            "source": _folder("the JSON files"),
            "images": _folder("images, if they are elsewhere", False),
            **_CHOICE,
        },
    ),
    "supervisely": _Format(
        "a Supervisely project: bitmaps and polygons",
        {"source": _folder("the folder with meta.json"), **_CHOICE},
    ),
    "yolo": _Format(
        "polygons of Ultralytics and Roboflow",
        {
            "source": _folder(
                "the folder with data.yaml, or with images and labels; or above several"
            ),
            **_CHOICE,
        },
    ),
    "voc": _Format(
        "Pascal VOC",
        {
            "source": _folder("the folder with JPEGImages and SegmentationClass, or above several"),
            **_CHOICE,
        },
    ),
    "cvat": _Format(
        "CVAT's XML or masks",
        {
            "source": _folder("the unpacked export, or a folder above several"),
            "images": _folder("images, if they are elsewhere", False),
            **_CHOICE,
        },
    ),
    "rgba": _Format(
        "cut-outs: the alpha channel is the mask", {"source": _folder("the RGBA files")}
    ),
    "colours": _Format(
        "a folder of images and one of masks in colours",
        {
            "images": _folder("images"),
            "masks": _folder("masks"),
            "table": _file("lines `name red green blue` or `name #rrggbb`"),
            **_CHOICE,
            "tolerance": {
                "type": int,
                "default": 0,
                "metavar": "N",
                "help": "take the nearest colour if no channel differs by more",
            },
        },
    ),
}


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser("dataset import", description=__doc__)
    formats = result.add_subparsers(dest="format", required=True, metavar="FORMAT")
    for name, item in FORMATS.items():
        parser = formats.add_parser(name, help=item.about, description=item.about)
        group = parser.add_argument_group("what to import")
        for key, settings in item.arguments.items():
            group.add_argument(f"--{key}", **settings)
        _add_common(parser)
    arguments = result.parse_args(argv)
    if arguments.workers < 0:
        result.error(f"--workers: expected 0 or more, got {arguments.workers}")
    if arguments.format == "coco" and bool(arguments.source) == bool(arguments.annotations):
        result.error("coco: expected --source, or --annotations with --images")
    if arguments.format == "coco" and arguments.source and arguments.images:
        result.error("coco: --images has an effect with --annotations only")
    if min(arguments.size) < 1:
        result.error(f"--size: expected 1 or more, got {' '.join(map(str, arguments.size))}")
    if getattr(arguments, "tolerance", 0) < 0:
        result.error(f"--tolerance: expected 0 or more, got {arguments.tolerance}")
    return arguments


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what to make of it").add_argument
    add("--output", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    add("--val_share", type=float, default=0.1, metavar="SHARE",
        help="of the images, for validation; default: %(default)s")  # fmt: skip
    add("--test_share", type=float, default=0.0, metavar="SHARE",
        help="of the images, for testing; default: %(default)s")  # fmt: skip
    add("--seed", type=int, default=0, help="another one divides otherwise")
    add("--group_by", default="", metavar="REGEX",
        help="its first group finds an image's group in its name, else in its path")  # fmt: skip
    add("--resplit", action="store_true", help="divide anew what the source has divided")
    add("--size", type=int, nargs=2, default=[320, 320], metavar=("W", "H"),
        help="that train.yaml lets the network see; default: 320 320")  # fmt: skip
    add("--copy", action="store_true", help="copy image files instead of linking them")
    add("--mismatched_masks", choices=("error", "resize"), default="error",
        help="mask files of another size than their image; default: %(default)s")  # fmt: skip
    add("--allow_missing", action="store_true",
        help="leave out images that are not there or have no mask, and the reverse")  # fmt: skip
    add("--skip_bad", action="store_true",
        help="leave out images that cannot be used, those of --allow_missing too")  # fmt: skip
    add("--allow_empty", action="store_true",
        help="write the data set even if no image has any foreground")  # fmt: skip
    add("--workers", type=int, default=min(cores(), MOST_WORKERS), metavar="N",
        help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip


def run(argv: List[str]) -> int:
    """Import; 0 if the data set is there."""
    arguments = _arguments(argv)
    options = Options(**{key: getattr(arguments, key) for key in Options.__dataclass_fields__})
    about = _about(arguments)
    check_output(arguments.output, _paths(arguments))
    collection = _read(arguments)
    with Progress(len(collection.samples), "importing") as progress:
        result = write(collection, arguments.output, about, options, progress.update)
    print(_report(result))
    return 0


def _about(arguments: argparse.Namespace) -> Dict[str, Any]:
    """What import.json says of the source: the files by argument, and the other arguments."""
    own = {key: getattr(arguments, key) for key in FORMATS[arguments.format].arguments}
    own = {key: value for key, value in own.items() if value}
    sources = {key: _absolute(own.pop(key)) for key in list(own) if key in _SOURCES}
    return {"format": arguments.format, "sources": sources, "reading": own}


def _absolute(given: Union[Path, List[Path]]) -> Union[str, List[str]]:
    if isinstance(given, list):
        return [str(path.resolve()) for path in given]
    return str(given.resolve())


def _paths(arguments: argparse.Namespace) -> List[Path]:
    """The files and folders that are read."""
    given = [getattr(arguments, key, None) for key in _SOURCES]
    return [path for item in given if item for path in (item if isinstance(item, list) else [item])]


# ---------------------------------------------------------------- reading


def _read(arguments: argparse.Namespace) -> AnnotatedDataset:
    # Imported here, so that a command loads the one that it needs.
    if arguments.format in ("folders", "colours"):
        return _read_folders(arguments)
    if arguments.format == "coco":
        return _read_coco(arguments)
    if arguments.format == "rgba":
        from paddleseg_u2net.data_tools.formats import cutouts

        return cutouts.read(arguments.source)
    return _read_one_folder(arguments)


def _read_folders(arguments: argparse.Namespace) -> AnnotatedDataset:
    from paddleseg_u2net.data_tools.annotations.classes import read_colours
    from paddleseg_u2net.data_tools.formats import folders

    missing = arguments.allow_missing or arguments.skip_bad
    if arguments.format == "folders":
        values = _mask_values(arguments.mask_values)
        names = arguments.classes
        return folders.read(arguments.images, arguments.masks, values, names, missing)
    return folders.read_colours(
        arguments.images,
        arguments.masks,
        read_colours(arguments.table),
        classes=_classes(arguments),
        tolerance=arguments.tolerance,
        allow_missing=missing,
    )


def _read_coco(arguments: argparse.Namespace) -> AnnotatedDataset:
    from paddleseg_u2net.data_tools.formats import coco

    chosen, crowd, resplit = _classes(arguments), arguments.crowd, arguments.resplit
    if arguments.source:
        return coco.read_folder(arguments.source, chosen, crowd, resplit)
    files = [(path, arguments.images or path.parent) for path in arguments.annotations]
    return coco.read(files, chosen, crowd, resplit)


def _read_one_folder(arguments: argparse.Namespace) -> AnnotatedDataset:
    chosen = _classes(arguments)
    if arguments.format == "labelme":
        from paddleseg_u2net.data_tools.formats import labelme

        return labelme.read(arguments.source, chosen, arguments.images)
    if arguments.format == "cvat":
        from paddleseg_u2net.data_tools.formats import cvat

        return cvat.read(arguments.source, chosen, arguments.images, arguments.resplit)
    if arguments.format == "yolo":
        from paddleseg_u2net.data_tools.formats import yolo

        return yolo.read(arguments.source, chosen, arguments.resplit)
    if arguments.format == "voc":
        from paddleseg_u2net.data_tools.formats import voc

        return voc.read(arguments.source, chosen, arguments.resplit)
    from paddleseg_u2net.data_tools.formats import supervisely

    return supervisely.read(arguments.source, chosen)


def _classes(arguments: argparse.Namespace) -> Classes:
    """``person=person_poly,person_bmp car`` as a choice of classes.

    Raises:
        ValueError: a new name stands twice, or one is empty.
    """
    ignored = tuple(arguments.ignore)
    if arguments.classes is None:
        return Classes(None, ignored)
    chosen: Dict[str, Any] = {}
    for word in arguments.classes:
        new, equals, old = word.partition("=")
        names = tuple(name.strip() for name in old.split(",")) if equals else (new.strip(),)
        if not new.strip() or not all(names):
            raise ValueError(f"--classes {word}: expected NEW=OLD,OLD or a name of the source")
        if new.strip() in chosen:
            raise ValueError(
                f"--classes {word}: {new.strip()} stands twice; name all that becomes it at once, "
                f"as {new.strip()}=one,other"
            )
        chosen[new.strip()] = names
    return Classes(chosen, ignored)


def _mask_values(words: List[str]) -> Union[str, Dict[int, int]]:
    """A coding's name, or ``0=0 128=1`` or ``{0: 0, 128: 1}`` as a table.

    Raises:
        ValueError: it is neither.
    """
    if len(words) == 1 and words[0] in _CODINGS:
        return words[0]
    text = " ".join(words).strip("{} ").replace(",", " ").replace(": ", "=").replace(":", "=")
    table: Dict[int, int] = {}
    for item in text.split():
        value, equals, number = item.partition("=")
        try:
            key, wanted = int(value), int(number)
        except ValueError:
            equals = ""
        if not equals or key in table or not (0 <= key <= 65535 and 0 <= wanted <= 255):
            raise ValueError(
                f"--mask_values {' '.join(words)}: expected {', '.join(_CODINGS)}, or each value "
                "of the masks once with its class number, such as 0=0 128=1 255=255"
            )
        table[key] = wanted
    return table


# ---------------------------------------------------------------- telling


def _report(result: Imported) -> str:
    images = sum(part.images for part in result.parts.values())
    lines = [f"{images} images are in {result.root}", "", *_table(result)]
    if result.bad:
        lines += ["", f"{len(result.bad)} images could not be used and were left out:"]
        lines += [f"  {item.why}" for item in result.bad[:_BAD_SHOWN]]
        if len(result.bad) > _BAD_SHOWN:
            lines.append(f"  ... all {len(result.bad)} are listed in import.json")
    if result.remarks:
        lines += ["", *(f"Note: {remark}." for remark in result.remarks)]
    return "\n".join([*lines, "", "Next:", *(f"  {line}" for line in _next(result))])


def _table(result: Imported) -> List[str]:
    """Counts by part, a line for each class."""
    parts = [result.parts[name] for name in PARTS if name in result.parts]
    rows = [
        ["", *(name for name in PARTS if name in result.parts)],
        ["images", *(str(part.images) for part in parts)],
        ["without foreground", *(str(part.empty) for part in parts)],
        ["mean foreground", *(f"{part.foreground:.1%}" for part in parts)],
    ]
    for name in result.classes[1 : _CLASSES_SHOWN + 1]:
        rows.append([f"with {name}", *(str(part.classes[name]) for part in parts)])
    width = max(len(row[0]) for row in rows)
    lines = [f"{row[0]:<{width}}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows]
    if len(result.classes) > _CLASSES_SHOWN + 1:
        lines.append(f"... all {len(result.classes) - 1} classes are counted in import.json")
    return lines


def _next(result: Imported) -> List[str]:
    config = shlex.quote(str(result.root / "train.yaml"))
    lines = [f"python tools/dataset.py check --config {config}"]
    if "train" in result.parts:
        evaluation = " --do_eval" if "val" in result.parts else ""
        lines.append(f"python tools/train.py --config {config}{evaluation}")
    return lines
