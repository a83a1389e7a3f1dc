"""The data sets that the field uses, a row each: what they hold, where they come from and lie.

Numbers of pairs are those that the authors publish. Addresses, checksums and sizes are as others
state them, since none could be reached from where this table was written; what nobody states, or
only one does, is left out.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

_DUT = "http://saliencydetection.net"
_ECSSD = "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency"


class Split(NamedTuple):
    """A part of a data set: a list file, or a folder of images and one of masks, or both.

    The list counts where the file is there, else the folders. ``found_as`` has other names of the
    two folders, ``lists_as`` other names of the list, as archives have them. The name of a mask is
    that of its image and, in archives, ``mask_end``.
    """

    pairs: int
    list_file: str = ""
    images: str = ""
    masks: str = ""
    found_as: Tuple[Tuple[str, str], ...] = ()
    lists_as: Tuple[str, ...] = ()
    mask_end: str = ""


class Archive(NamedTuple):
    """A file to fetch; without an address it can only be had by hand."""

    filename: str
    addresses: Tuple[str, ...] = ()
    checksum: Optional[str] = None  # as sha256:... or md5:...


class Row(NamedTuple):
    """One data set. Paths are relative to its root, ``data/<name>`` unless a key says otherwise.

    Attributes:
        config: The configuration below ``configs/RGB/U2Net`` that uses it.
        layout: How archives hold it: folders, lists (of `image mask` lines), or supervisely.
        coding: What its masks hold: binary (0 and 255; values between are cut in the middle), index
            (0 and one other number), instances (0 and numbers of objects), or votes (the share of
            people who marked a pixel, cut in the middle).
        pool: Where the authors give no parts: all of it. The hash of a name decides its part.
        val_share: The share of the pool that is for validation.
        homepage, licence, cite, by_hand: for people. An empty licence: none is stated.
        megabytes: Size of the archives, about, 0 if nobody states it.
    """

    title: str
    splits: Dict[str, Split]
    classes: Tuple[str, ...] = ("background", "salient object")
    config: str = ""
    archives: Tuple[Archive, ...] = ()
    layout: str = "folders"
    coding: str = "binary"
    pool: Optional[Split] = None
    val_share: float = 0.0
    homepage: str = ""
    licence: str = ""
    cite: str = ""
    by_hand: str = ""
    megabytes: int = 0

    @property
    def fetchable(self) -> bool:
        """Whether all of it has an address."""
        return bool(self.archives) and all(archive.addresses for archive in self.archives)


def _test_set(pairs: int, images: str, masks: str, *found_as: Tuple[str, str]) -> Dict[str, Split]:
    return {"val": Split(pairs, "val_list.txt", images, masks, found_as)}


TABLE: Dict[str, Row] = {
    "optic_disc_seg": Row(
        "PaddleSeg's optic disc segmentation (retina photographs)",
        {
            "train": Split(267, "train_list.txt"),
            "val": Split(76, "val_list.txt"),
            "test": Split(38, "test_list.txt"),
        },
        ("background", "optic disc"),
        config="u2netp.yaml",
        archives=(
            Archive(
                "optic_disc_seg.zip",
                ("https://paddleseg.bj.bcebos.com/dataset/optic_disc_seg.zip",),
            ),
        ),
        layout="lists",
        coding="index",
        homepage="https://github.com/PaddlePaddle/PaddleSeg",
        cite="Liu et al. PaddleSeg: A High-Efficient Development Toolkit for Image Segmentation. "
        "arXiv:2101.06175, 2021.",
        megabytes=19,
    ),
    "duts": Row(
        "DUTS (Wang et al. 2017)",
        {
            "train": Split(
                10553,
                "train_list.txt",
                "DUTS-TR/DUTS-TR-Image",
                "DUTS-TR/DUTS-TR-Mask",
                (("DUTS-TR-Image", "DUTS-TR-Mask"), ("DUTS-TR/images", "DUTS-TR/masks")),
            ),
            "val": Split(
                5019,
                "val_list.txt",
                "DUTS-TE/DUTS-TE-Image",
                "DUTS-TE/DUTS-TE-Mask",
                (("DUTS-TE-Image", "DUTS-TE-Mask"), ("DUTS-TE/images", "DUTS-TE/masks")),
            ),
        },
        config="u2netp_duts.yaml",
        archives=(
            Archive("DUTS-TR.zip", (f"{_DUT}/duts/download/DUTS-TR.zip",)),
            Archive("DUTS-TE.zip", (f"{_DUT}/duts/download/DUTS-TE.zip",)),
        ),
        homepage=f"{_DUT}/duts/",
        licence="all rights reserved by the authors; the images are from ImageNet and SUN",
        cite="Wang, Lu, Wang, Feng, Wang, Yin, Ruan. Learning to Detect Salient Objects with "
        "Image-level Supervision. CVPR 2017.",
        megabytes=340,
    ),
    "ecssd": Row(
        "ECSSD (Yan et al. 2013)",
        _test_set(1000, "images", "ground_truth_mask"),
        config="u2netp_ecssd.yaml",
        archives=(
            Archive("images.zip", (f"{_ECSSD}/data/ECSSD/images.zip",)),
            Archive("ground_truth_mask.zip", (f"{_ECSSD}/data/ECSSD/ground_truth_mask.zip",)),
        ),
        homepage=f"{_ECSSD}/dataset.html",
        cite="Yan, Xu, Shi, Jia. Hierarchical Saliency Detection. CVPR 2013.",
        megabytes=69,
    ),
    "dut_omron": Row(
        "DUT-OMRON (Yang et al. 2013)",
        _test_set(5168, "DUT-OMRON-image", "pixelwiseGT-new-PNG"),
        config="u2netp_dut_omron.yaml",
        archives=(
            Archive("DUT-OMRON-image.zip", (f"{_DUT}/dut-omron/download/DUT-OMRON-image.zip",)),
            Archive(
                "DUT-OMRON-gt-pixelwise.zip.zip",
                (f"{_DUT}/dut-omron/download/DUT-OMRON-gt-pixelwise.zip.zip",),
            ),
        ),
        homepage=f"{_DUT}/dut-omron/",
        cite="Yang, Zhang, Lu, Ruan, Yang. Saliency Detection via Graph-Based Manifold Ranking. "
        "CVPR 2013.",
        megabytes=110,
    ),
    "hku_is": Row(
        "HKU-IS (Li and Yu 2015)",
        _test_set(4447, "imgs", "gt"),
        config="u2netp_hku_is.yaml",
        archives=(Archive("HKU-IS.rar"),),
        homepage="https://i.cs.hku.hk/~gbli/deep_saliency.html",
        cite="Li, Yu. Visual Saliency Based on Multiscale Deep Features. CVPR 2015.",
        by_hand="HKU-IS.rar, by the links of the page to Google Drive or Baidu",
        megabytes=900,
    ),
    "pascal_s": Row(
        "PASCAL-S (Li et al. 2014)",
        _test_set(850, "images", "masks", ("imgs/pascal", "masks/pascal")),
        config="u2netp_pascal_s.yaml",
        # The checksum is the one that pysaliency tests on each of its downloads.
        archives=(
            Archive(
                "salObj.zip",
                ("http://cbs.ic.gatech.edu/salobj/download/salObj.zip",),
                "md5:e48b4e5deac08bddcaec55ce56e4d420",
            ),
        ),
        coding="votes",
        homepage="http://cbs.ic.gatech.edu/salobj/",
        licence="none is stated; the images are from PASCAL VOC 2010",
        cite="Li, Hou, Koch, Rehg, Yuille. The Secrets of Salient Object Segmentation. CVPR 2014.",
        megabytes=175,
    ),
    "sod": Row(
        "SOD (Movahedi and Elder 2010)",
        _test_set(300, "images", "masks"),
        config="u2netp_sod.yaml",
        homepage="https://www.elderlab.yorku.ca/resources/salient-objects-dataset-sod/",
        licence="none is stated; the images are from BSDS300, for non-commercial research and "
        "education",
        cite="Movahedi, Elder. Design and Perceptual Validation of Performance Measures for "
        "Salient Object Segmentation. CVPR Workshops 2010.",
        by_hand="a copy with folders of images and masks, as benchmarks of salient objects pass it "
        "on: the authors' SOD.zip holds MATLAB boundaries, no images and no masks",
    ),
    "supervisely_person": Row(
        "Supervisely Person",
        {
            "train": Split(5140, "train_list.txt"),
            "val": Split(571, "val_list.txt"),
        },
        ("background", "person"),
        config="u2netp_person.yaml",
        layout="supervisely",
        coding="index",
        pool=Split(5711, images="images", masks="masks"),
        val_share=0.1,
        homepage="https://github.com/supervisely-ecosystem/persons",
        licence="for non-commercial purposes, academic or not; the images are from Pexels, whose "
        "terms hold",
        cite="Supervisely. Supervisely Person Dataset. 2018.",
        by_hand="the full version in Supervisely's format, a tar archive (the sample has 595 "
        "images only)",
        megabytes=7300,
    ),
    "drishti_gs": Row(
        "Drishti-GS1 (Sivaswamy et al. 2014), optic disc",
        {
            "train": Split(
                50,
                "train_list.txt",
                "Training/Images",
                "Training/Masks",
                (("Training/Images", "Training/GT"),),
                mask_end="_ODsegSoftmap",
            ),
            "val": Split(
                51,
                "val_list.txt",
                "Test/Images",
                "Test/Masks",
                (("Test/Images", "Test/Test_GT"), ("Test/Images", "Test/GT")),
                mask_end="_ODsegSoftmap",
            ),
        },
        ("background", "optic disc"),
        config="u2netp_drishti_gs.yaml",
        coding="votes",
        homepage="http://cvit.iiit.ac.in/projects/mip/drishti-gs/mip-dataset2/Home.php",
        cite="Sivaswamy, Krishnadas, Joshi, Jain, Tabish. Drishti-GS: Retinal Image Dataset for "
        "Optic Nerve Head (ONH) Segmentation. ISBI 2014.",
        by_hand="the archive of Drishti-GS1_files (Training and Test)",
    ),
    "penn_fudan": Row(
        "Penn-Fudan pedestrians (Wang et al. 2007)",
        {
            "train": Split(136, "train_list.txt"),
            "val": Split(34, "val_list.txt"),
        },
        ("background", "person"),
        config="u2netp_penn_fudan.yaml",
        archives=(
            Archive(
                "PennFudanPed.zip",
                ("https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",),
            ),
        ),
        coding="instances",
        pool=Split(170, images="PNGImages", masks="PedMasks", mask_end="_mask"),
        val_share=0.2,
        homepage="https://www.cis.upenn.edu/~jshi/ped_html/",
        cite="Wang, Shi, Song, Shen. Object Detection Combining Recognition and Segmentation. "
        "ACCV 2007.",
        megabytes=54,
    ),
    # 14,117 frames by the paper. PaddleSeg counts the three parts as here and 2,482 for testing,
    # whose masks are not given away.
    "pp_humanseg14k": Row(
        "PP-HumanSeg14K (Chu et al. 2022)",
        {
            "train": Split(8770, "train_list.txt", lists_as=("train.txt",)),
            "val": Split(2431, "val_list.txt", lists_as=("val.txt",)),
        },
        ("background", "person"),
        config="u2netp_pp_humanseg14k.yaml",
        layout="lists",
        coding="index",
        homepage="https://github.com/PaddlePaddle/PaddleSeg/blob/release/2.5/contrib/PP-HumanSeg/"
        "paper.md",
        licence="given by its authors on request",
        cite="Chu et al. PP-HumanSeg: Connectivity-Aware Portrait Segmentation with a Large-Scale "
        "Teleconferencing Video Dataset. WACV Workshops 2022.",
        by_hand="the archive that paddleseg@baidu.com sends to those who write from an institution "
        "and say what for",
    ),
}
