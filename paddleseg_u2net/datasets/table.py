"""The data sets that the field uses, a row each: where their files lie and what they hold."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Split(NamedTuple):
    """A part of a data set: a list file, or a folder of images and one of masks."""

    pairs: int
    list_file: str = ""
    images: str = ""
    masks: str = ""


class Row(NamedTuple):
    """One data set. Paths are relative to its root, ``data/<name>`` unless a key says otherwise."""

    title: str
    splits: Dict[str, Split]
    classes: Tuple[str, ...] = ("background", "salient object")


def _folders(title: str, pairs: int, images: str = "images", masks: str = "masks") -> Row:
    return Row(title, {"val": Split(pairs, images=images, masks=masks)})


TABLE: Dict[str, Row] = {
    "optic_disc_seg": Row(
        "PaddleSeg's optic disc segmentation (retina photographs)",
        {
            "train": Split(267, list_file="train_list.txt"),
            "val": Split(76, list_file="val_list.txt"),
            "test": Split(38, list_file="test_list.txt"),
        },
        ("background", "optic disc"),
    ),
    "duts": Row(
        "DUTS (Wang et al. 2017)",
        {
            "train": Split(10553, images="DUTS-TR/DUTS-TR-Image", masks="DUTS-TR/DUTS-TR-Mask"),
            "val": Split(5019, images="DUTS-TE/DUTS-TE-Image", masks="DUTS-TE/DUTS-TE-Mask"),
        },
    ),
    "ecssd": _folders("ECSSD (Yan et al. 2013)", 1000, "images", "ground_truth_mask"),
    "dut_omron": _folders(
        "DUT-OMRON (Yang et al. 2013)", 5168, "DUT-OMRON-image", "pixelwiseGT-new-PNG"
    ),
    "hku_is": _folders("HKU-IS (Li and Yu 2015)", 4447, "imgs", "gt"),
    "pascal_s": _folders("PASCAL-S (Li et al. 2014)", 850),
    "sod": _folders("SOD (Movahedi and Elder 2010)", 300),
    "supervisely_person": Row(
        "Supervisely Person",
        {
            "train": Split(0, list_file="train_list.txt"),
            "val": Split(0, list_file="val_list.txt"),
        },
        ("background", "person"),
    ),
}
