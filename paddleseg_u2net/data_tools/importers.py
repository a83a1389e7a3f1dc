"""The formats that can be imported: a row each, with its arguments and what reads it."""

from __future__ import annotations

from argparse import Namespace
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Union

from paddleseg_u2net.data_tools.annotations.classes import Classes, read_colours
from paddleseg_u2net.data_tools.annotations.sample import AnnotatedDataset

MASK_VALUES = ("auto", "index", "binary", "soft", "alpha", "instance")
# Arguments that are files or folders to read.
SOURCES = ("source", "annotations", "images", "masks", "table")


class Format(NamedTuple):
    """One format: what it is, its arguments as argparse is told of them, and what reads them."""

    about: str
    arguments: Mapping[str, Dict[str, Any]]
    read: Callable[[Namespace], AnnotatedDataset]


def _of(module: str) -> Any:
    # Imported late, so that a command loads the one that it needs.
    return import_module(f"paddleseg_u2net.data_tools.formats.{module}")


def _reader(module: str, *options: str) -> Callable[[Namespace], AnnotatedDataset]:
    """Reads ``--source`` with the chosen classes and further arguments by their own names."""

    def read(given: Namespace) -> AnnotatedDataset:
        more = {option: getattr(given, option) for option in options}
        return _of(module).read(given.source, choose_classes(given.classes, given.ignore), **more)

    return read


def _read_folders(given: Namespace) -> AnnotatedDataset:
    values = parse_mask_values(given.mask_values)
    missing = given.allow_missing or given.skip_bad
    return _of("folders").read(given.images, given.masks, values, given.classes, missing)


def _read_colours(given: Namespace) -> AnnotatedDataset:
    return _of("folders").read_colours(
        given.images,
        given.masks,
        read_colours(given.table),
        classes=choose_classes(given.classes, given.ignore),
        tolerance=given.tolerance,
        allow_missing=given.allow_missing or given.skip_bad,
    )


def _read_coco(given: Namespace) -> AnnotatedDataset:
    classes = choose_classes(given.classes, given.ignore)
    if given.source:
        return _of("coco").read_folder(given.source, classes, given.crowd, given.resplit)
    files = [(path, given.images or path.parent) for path in given.annotations]
    return _of("coco").read(files, classes, given.crowd, given.resplit)


def _argument(what: str, **settings: Any) -> Dict[str, Any]:
    return {"help": what, **settings}


def _folder(what: str, required: bool = True) -> Dict[str, Any]:
    return _argument(what, type=Path, required=required, metavar="DIR")


def _several(what: str, **settings: Any) -> Dict[str, Any]:
    return _argument(what, nargs="+", action="extend", **settings)


_CHOICE: Dict[str, Dict[str, Any]] = {
    "classes": _several(
        "which classes become numbers 1, 2 ... and under which name; default: all",
        metavar="NEW=OLD,OLD",
    ),
    "ignore": _several("classes whose area is ignored", default=[], metavar="NAME"),
}
_ELSEWHERE = _folder("images, if they are elsewhere", False)

FORMATS = {
    "folders": Format(
        "a folder of images and one of masks",
        {
            "images": _folder("images"),
            "masks": _folder("masks"),
            "mask_values": _argument(
                f"{', '.join(MASK_VALUES)}, or value=class such as 0=0 128=1 255=255",
                nargs="+",
                default=["auto"],
                metavar="CODING",
            ),
            "classes": _several("names of the classes 1, 2 ...", metavar="NAME"),
        },
        _read_folders,
    ),
    "coco": Format(
        "COCO JSON: polygons and RLE",
        {
            "source": _folder("files and images, as of Roboflow, CVAT or COCO itself", False),
            "annotations": _several(
                "instead: JSON files; their part is what their names or folders say",
                type=Path,
                default=[],
                metavar="FILE",
            ),
            "images": _folder("images of --annotations; default: beside each", False),
            **_CHOICE,
            "crowd": _argument(
                "whether crowds are objects or ignored; default: %(default)s",
                choices=("object", "ignore"),
                default="object",
            ),
        },
        _read_coco,
    ),
    "labelme": Format(
        "labelme's JSON files",
        {"source": _folder("the JSON files"), "images": _ELSEWHERE, **_CHOICE},
        _reader("labelme", "images"),
    ),
    "supervisely": Format(
        "a Supervisely project: bitmaps and polygons",
        {"source": _folder("the folder with meta.json"), **_CHOICE},
        _reader("supervisely"),
    ),
    "yolo": Format(
        "polygons of Ultralytics and Roboflow",
        {"source": _folder("with data.yaml, or images and labels; or above several"), **_CHOICE},
        _reader("yolo", "resplit"),
    ),
    "voc": Format(
        "Pascal VOC",
        {"source": _folder("with JPEGImages and SegmentationClass, or above several"), **_CHOICE},
        _reader("voc", "resplit"),
    ),
    "cvat": Format(
        "CVAT's XML or masks",
        {"source": _folder("the export, or above several"), "images": _ELSEWHERE, **_CHOICE},
        _reader("cvat", "images", "resplit"),
    ),
    "rgba": Format(
        "cut-outs: the alpha channel is the mask",
        {"source": _folder("the RGBA files")},
        lambda given: _of("folders").read_cut_outs(given.source),
    ),
    "colours": Format(
        "a folder of images and one of masks in colours",
        {
            "images": _folder("images"),
            "masks": _folder("masks"),
            "table": _argument(
                "lines `name red green blue` or `name #rrggbb`",
                type=Path,
                required=True,
                metavar="FILE",
            ),
            **_CHOICE,
            "tolerance": _argument(
                "take the nearest colour if no channel differs by more",
                type=int,
                default=0,
                metavar="N",
            ),
        },
        _read_colours,
    ),
}


def choose_classes(words: Union[Sequence[str], None], ignored: Sequence[str]) -> Classes:
    """Return ``person=person_poly,person_bmp car`` as a choice of classes."""
    if words is None:
        return Classes(None, tuple(ignored))
    chosen: Dict[str, Any] = {}
    for word in words:
        new, equals, old = word.partition("=")
        new = new.strip()
        names = tuple(name.strip() for name in old.split(",")) if equals else (new,)
        if not new or not all(names):
            raise ValueError(f"--classes {word}: expected NEW=OLD,OLD or a name of the source")
        if new in chosen:
            raise ValueError(
                f"--classes {word}: {new} stands twice; name all that becomes it at once, as "
                f"{new}=one,other"
            )
        chosen[new] = names
    return Classes(chosen, tuple(ignored))


def parse_mask_values(words: List[str]) -> Union[str, Dict[int, int]]:
    """Return an encoding's name, or ``0=0 128=1`` or ``{0: 0, 128: 1}`` as a table."""
    if len(words) == 1 and words[0] in MASK_VALUES:
        return words[0]
    text = " ".join(words).strip("{} ").replace(",", " ").replace(": ", "=").replace(":", "=")
    table: Dict[int, int] = {}
    for item in text.split() or [""]:  # a table of nothing is refused too
        value, _, number = item.partition("=")
        try:
            key, wanted = int(value), int(number)
        except ValueError:
            key = wanted = -1
        if key in table or not (0 <= key <= 65535 and 0 <= wanted <= 255):
            raise ValueError(
                f"--mask_values {' '.join(words)}: expected {', '.join(MASK_VALUES)}, or each "
                "value of the masks once with its class number, such as 0=0 128=1 255=255"
            )
        table[key] = wanted
    return table
