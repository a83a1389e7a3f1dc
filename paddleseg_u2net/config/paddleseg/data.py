"""PaddleSeg 2.8.0's data set classes as arguments of `PairDataset`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.datasets.table import TABLE

Lines = List[str]
_PLAIN = "write lists of `image mask` lines and take type: Dataset"


class Known(NamedTuple):
    """A class that knows its files: how many classes, and what says where each mode's are.

    ``name`` is that of a known data set; ``address`` is where PaddleSeg fetches it from.
    """

    num_classes: int
    modes: Mapping[str, Mapping[str, Any]]
    address: str = ""
    name: str = ""
    mask_values: Any = "index"
    note: str = ""


def _lists(names: str, modes: str = "train val", **further: Any) -> Dict[str, Dict[str, Any]]:
    return {mode: {"lists": names.format(mode), **further} for mode in modes.split()}


def _patterns(modes: Mapping[str, str], images: str, masks: str) -> Dict[str, Dict[str, Any]]:
    return {
        mode: {"images": images.format(folder), "masks": masks.format(folder)}
        for mode, folder in modes.items()
    }


def _voc(lists: Any, *masks: str) -> Dict[str, Any]:
    found = [f"VOC2012/{folder}/*.png" for folder in masks or ("SegmentationClass",)]
    named = [f"VOC2012/ImageSets/Segmentation/{name}.txt" for name in lists.split()]
    return {
        "images": "VOC2012/JPEGImages/*.jpg",
        "masks": found if len(found) > 1 else found[0],
        "lists": named if len(named) > 1 else named[0],
    }


def _context(mode: str) -> Dict[str, Any]:
    return {
        "images": "JPEGImages/*.jpg",
        "masks": "Context/*.png",
        "lists": f"ImageSets/Segmentation/{mode}_context.txt",
    }


_SERVER = "https://bj.bcebos.com/paddleseg/dataset"
_ADE = {"train": "training", "val": "validation"}
_COCO = {"train": "train2017", "val": "val2017"}
_SAME = {"train": "train", "val": "val", "test": "test"}
# Of two classes, `auto` takes 0 / 1 and 0 / 255 masks for what they are.
CLASSES: Dict[str, Known] = {
    "OpticDiscSeg": Known(
        2, _lists("{}_list.txt", "train val test"), name="optic_disc_seg", mask_values="auto"
    ),
    "PPHumanSeg14K": Known(
        2, _lists("{}.txt", "train val test"), name="pp_humanseg14k", mask_values="auto"
    ),
    "MiniDeepGlobeRoadExtraction": Known(
        2,
        _lists("{}.txt", separator="|"),
        "https://paddleseg.bj.bcebos.com/dataset/MiniDeepGlobeRoadExtraction.zip",
        mask_values="auto",
    ),
    **{
        name: Known(2, _lists("{}_list.txt"), f"{_SERVER}/{path}", mask_values="auto")
        for name, path in (
            ("CHASEDB1", "chase_db1/chase_db1.zip"),
            ("DRIVE", "drive/drive.zip"),
            ("HRF", "hrf/hrf.zip"),
            ("STARE", "stare/stare.zip"),
        )
    },
    "Cityscapes": Known(
        19,
        _patterns(
            _SAME,
            "leftImg8bit/{}/*/*_leftImg8bit.png",
            "gtFine/{}/*/*_gtFine_labelTrainIds.png",
        ),
        note="masks are those that PaddleSeg's tools/data/convert_cityscapes.py makes",
    ),
    "ADE20K": Known(
        150,
        _patterns(_ADE, "images/{}/*.jpg", "annotations/{}/*.png"),
        "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",
        mask_values="from_1",
        note="0 in a mask is ignored, n is class n - 1",
    ),
    "CocoStuff": Known(171, _patterns(_COCO, "images/{}/*.jpg", "annotations/{}/*.png")),
    "PascalVOC": Known(
        21,
        {
            "train": _voc("train"),
            "val": _voc("val"),
            "trainval": _voc("trainval"),
            "trainaug": _voc("train aug", "SegmentationClass", "SegmentationClassAug"),
        },
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        note="for mode: trainaug PaddleSeg's tools/data/voc_augment.py makes aug.txt and its masks",
    ),
    "PascalContext": Known(
        60,
        {mode: _context(mode) for mode in ("train", "val", "trainval")},
        note="masks and lists are those that PaddleSeg's tools/data/convert_voc2010.py makes",
    ),
}
REFUSED = {
    "EG1800": "its images go through two rows of transforms and become two inputs at 224x224 "
    f"(PortraitNet); {_PLAIN}",
    "SUPERVISELY": "its images go through two rows of transforms and become two inputs at 224x224 "
    f"(PortraitNet); {_PLAIN}, or for Supervisely Person `{{type: PairDataset, name: "
    "supervisely_person}`",
    "PSSLDataset": "its labels of 1001 classes are arrays (.npz) beside ImageNet, not masks, which "
    "hold 255 classes at most; take weights that were pretrained on it (model.backbone.pretrained)",
    "AutoNUE": "PaddleSeg 2.8.0 names it in a file, but has no such class; " + _PLAIN,
}
# What PaddleSeg's `Dataset` takes beside what all have.
_OWN = (
    "dataset_root",
    "train_path",
    "val_path",
    "test_path",
    "separator",
    "num_classes",
    "ignore_index",
    "img_channels",
)
_TEXTS = ("mode", "dataset_root", "train_path", "val_path", "test_path", "separator")
_CARRIED = ("cache", "class_names", "mismatched_masks", "mask_values", "val_share")


def is_class(name: Any) -> bool:
    """Whether it is the name of one of PaddleSeg's data set classes."""
    return isinstance(name, str) and (name == "Dataset" or name in CLASSES or name in REFUSED)


def translate(tree: Tree, said: Lines, faults: Lines) -> None:
    """Replace PaddleSeg's data sets in ``tree``; the model and the loss get what they say."""
    for part in ("train", "val"):
        key = f"{part}_dataset"
        block = tree.get(key)
        if not isinstance(block, dict) or not is_class(block.get("type")):
            continue
        kind = block["type"]
        if kind in REFUSED:
            faults.append(f"{key}.type: {kind} cannot be used here: {REFUSED[kind]}")
            continue
        if not _fits(key, block, faults):
            continue
        found = _dataset(part, block, faults) if kind == "Dataset" else _known(part, block, faults)
        if found is None:
            continue
        _tell(tree, found)
        kept = {name: block[name] for name in ("transforms", *_CARRIED) if name in block}
        tree[key] = {**found, **kept}
        shown = ", ".join(f"{k} {v}" for k, v in found.items() if k != "type")
        said.append(f"{key}: {kind} -> PairDataset: {shown}")
        note = f"{kind}: {CLASSES[kind].note}" if kind in CLASSES and CLASSES[kind].note else ""
        said += [note] if note and note not in said else []
        said += _advice(key, CLASSES.get(kind), found.get("dataset_root"))
        if block.get("edge"):
            said.append(f"{key}.edge -> losses make edges of the labels where edge_label asks")


def _fits(key: str, block: Tree, faults: Lines) -> bool:
    """Whether the keys are those of the class, and texts where texts have to be."""
    own = _OWN if block["type"] == "Dataset" else ("dataset_root",)
    known = {"type", "mode", "transforms", "edge", *own, *_CARRIED}
    before = len(faults)
    for name, value in block.items():
        if name not in known:
            faults.append(
                f"{key}.{name}: PaddleSeg's {block['type']} has no such key; known: "
                + ", ".join(sorted(known))
            )
        elif name in _TEXTS and value is not None and not isinstance(value, str):
            faults.append(f"{key}.{name}: expected text, got {value!r}")
    return len(faults) == before


def _mode(part: str, block: Tree, known: Any, faults: Lines) -> Optional[str]:
    mode = (block.get("mode") or part).lower()
    if mode in known:
        return mode
    faults.append(f"{part}_dataset.mode: expected one of {', '.join(known)}, got {mode}")
    return None


def _dataset(part: str, block: Tree, faults: Lines) -> Optional[Tree]:
    """PaddleSeg's ``Dataset``: lists of `image mask` lines."""
    key = f"{part}_dataset"
    mode = _mode(part, block, ("train", "val", "test"), faults)
    missing = [
        name
        for name in ("dataset_root", f"{mode}_path", "num_classes")
        if mode and block.get(name) is None
    ]
    for name in missing:
        faults.append(f"{key}.{name}: this key is missing; PaddleSeg's Dataset needs it")
    if mode is None or missing:
        return None
    root, path = str(block["dataset_root"]), str(block[f"{mode}_path"])
    found = {
        "type": "PairDataset",
        "dataset_root": root,
        f"{part}_path": _list_below(root, path),
        "num_classes": block["num_classes"],
    }
    for name in ("separator", "ignore_index", "img_channels"):
        if name in block:
            found[name] = block[name]
    return found


def _list_below(root: str, path: str) -> str:
    """A list's path; one that led below another root, as far as it is there below this one."""
    if Path(path).is_file() or (Path(root) / path).is_file():
        return path
    parts = Path(path).parts
    ends = (Path(*parts[start:]) for start in range(1, len(parts)))
    return next((str(end) for end in ends if (Path(root) / end).is_file()), path)


def _known(part: str, block: Tree, faults: Lines) -> Optional[Tree]:
    """A class that knows its files."""
    row = CLASSES[block["type"]]
    mode = _mode(part, block, row.modes, faults)
    root = block.get("dataset_root")
    if root is None and not row.name:
        fetched = f"PaddleSeg would fetch {row.address}: " if row.address else ""
        faults.append(
            f"{part}_dataset.dataset_root: this key is missing; {fetched}unpack the data set and "
            "name its folder"
        )
        return None
    if mode is None:
        return None
    files = dict(row.modes[mode])
    lists = files.pop("lists", None)
    found: Dict[str, Any] = {
        "type": "PairDataset",
        **({"name": row.name} if row.name else {}),
        **({"dataset_root": root} if root is not None else {}),
        **({f"{part}_path": lists} if lists else {}),
        **files,
        "num_classes": row.num_classes,
    }
    if row.mask_values != "auto":
        found["mask_values"] = row.mask_values
    return found


def _advice(key: str, row: Optional[Known], root: Optional[str]) -> Lines:
    """What to do where a data set is not there."""
    if root is None or Path(root).is_dir():
        return []
    name = row.name if row and row.name else Path(root).name
    if name in TABLE:
        repair = f"`python benchmark_data_prepare/prepare.py {name}` fetches and prepares it"
    elif row and row.address:
        repair = f"PaddleSeg would fetch {row.address}: unpack it"
    else:
        return []
    return [f"{key}: {root} is not there; {repair}"]


def _tell(tree: Tree, found: Tree) -> None:
    """Let the model and the loss know what only the data set says."""
    model, loss = tree.get("model"), tree.get("loss")
    if isinstance(model, dict):
        model.setdefault("num_classes", found["num_classes"])
        if "img_channels" in found and channels_of(model) is None:
            model["in_channels"] = found["img_channels"]
    types = loss.get("types") if isinstance(loss, dict) else None
    if "ignore_index" in found and isinstance(types, list):
        _set_ignored(types, found["ignore_index"])


def channels_of(model: Any) -> Any:
    """The channels of images that a ``model`` block or its backbone says; None: neither does."""
    if not isinstance(model, dict):
        return None
    backbone = model.get("backbone")
    blocks = [model, backbone if isinstance(backbone, dict) else {}]
    said = [block[key] for block in blocks for key in ("in_channels", "in_chans") if key in block]
    return said[0] if said else None


def _set_ignored(types: List[Any], ignore_index: Any) -> None:
    for item in types:
        if isinstance(item, dict) and isinstance(item.get("losses"), list):
            _set_ignored(item["losses"], ignore_index)
        elif isinstance(item, dict):
            item.setdefault("ignore_index", ignore_index)
