"""Archives with the names and trees of the published data sets, and a few drawn images."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Dict, List

import numpy as np
from PIL import Image

from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.datasets.table import Row

HEIGHT, WIDTH = 18, 24
Files = Dict[str, bytes]


def encoded(array: np.ndarray, kind: str = "PNG", palette=None) -> bytes:
    picture = Image.fromarray(array)
    if palette:
        picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def photograph(seed: int, kind: str = "JPEG") -> bytes:
    generator = np.random.default_rng(seed)
    return encoded(generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), kind)


def shape(seed: int) -> np.ndarray:
    """An object as 0 and 1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = (rows - 6 - seed % 7) ** 2 + (columns - 8 - seed % 9) ** 2 < 20
    return inside.astype(np.uint8)


def mask(seed: int, value: int = 255, kind: str = "PNG") -> bytes:
    return encoded(shape(seed) * np.uint8(value), kind)


def zipped(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def pairs(images: str, masks: str, names: List[str], kind: str = "JPEG") -> Files:
    files = {}
    suffix = "jpg" if kind == "JPEG" else "png"
    for seed, name in enumerate(names):
        files[f"{images}/{name}.{suffix}"] = photograph(seed, kind)
        files[f"{masks}/{name}.png"] = mask(seed)
    return files


def _numbered(pattern: str, count: int = 4) -> List[str]:
    return [pattern.format(number) for number in range(1, count + 1)]


def optic_disc_seg(folder: Path) -> List[Path]:
    top, files, number = "optic_disc_seg", {}, 0
    for part, count in (("train", 4), ("val", 2), ("test", 1)):
        lines = []
        for _ in range(count):
            name, number = f"H{number:04}", number + 1
            files[f"{top}/JPEGImages/{name}.jpg"] = photograph(number)
            red = encoded(shape(number), palette=[0, 0, 0, 128, 0, 0] + [0] * 762)
            files[f"{top}/Annotations/{name}.png"] = red
            lines.append(f"JPEGImages/{name}.jpg Annotations/{name}.png")
        files[f"{top}/{part}_list.txt"] = "\n".join(lines).encode()
    return [zipped(folder / "optic_disc_seg.zip", files)]


# An image in DUTS-TR has two masks, of which the PNG is not of the image's size.
TWICE = "ILSVRC2014_train_00023530"


def duts(folder: Path) -> List[Path]:
    archives = []
    for part, count in (("TR", 5), ("TE", 3)):
        top = f"DUTS-{part}/DUTS-{part}-"
        names = [*_numbered("n0000000{}_1", count - 1), TWICE if part == "TR" else "sun_a"]
        files = pairs(f"{top}Image", f"{top}Mask", names)
        if part == "TR":
            files[f"{top}Mask/{TWICE}.png"] = encoded(np.zeros((5, 5), np.uint8))
            files[f"{top}Mask/{TWICE}.jpg"] = mask(4, kind="JPEG")
        else:  # as before the correction of 2018: a mask in JPEG that belongs to no image
            files[f"{top}Mask/sun_bcogaqperiljqupq.jpg"] = mask(0, kind="JPEG")
        archives.append(zipped(folder / f"DUTS-{part}.zip", files))
    return archives


def ecssd(folder: Path) -> List[Path]:
    files = pairs("images", "ground_truth_mask", _numbered("{:04}"))
    return [
        zipped(folder / f"{top}.zip", {n: d for n, d in files.items() if n.startswith(top)})
        for top in ("images", "ground_truth_mask")
    ]


def dut_omron(folder: Path) -> List[Path]:
    images, masks = "DUT-OMRON-image", "pixelwiseGT-new-PNG"
    files = pairs(images, masks, _numbered("im{:03}"))
    photographs = {name: data for name, data in files.items() if name.startswith(images)}
    photographs[f"{images}/sun_bqfgwnmzhjwuphdi.jpg"] = photograph(9)  # it has no mask
    truths = {name: data for name, data in files.items() if name.startswith(masks)}
    truths.update({f"__MACOSX/{masks}/._{name.split('/')[1]}": b"\0\5\26\7" for name in truths})
    return [
        zipped(folder / "DUT-OMRON-image.zip", photographs),
        zipped(folder / "DUT-OMRON-gt-pixelwise.zip.zip", truths),
    ]


def hku_is(folder: Path) -> List[Path]:
    files = pairs("HKU-IS/imgs", "HKU-IS/gt", _numbered("{:04}"), "PNG")
    return [zipped(folder / "HKU-IS.rar", files)]  # the content counts, not the name


def pascal_s(folder: Path) -> List[Path]:
    files = pairs("datasets/imgs/pascal", "datasets/masks/pascal", _numbered("{}"))
    # Shares of twelve people who chose a region.
    grey = (shape(0) * 128 + shape(3) * 64).astype(np.uint8)
    files["datasets/masks/pascal/1.png"] = encoded(grey)
    files.update(pairs("datasets/imgs/bruce", "datasets/masks/bruce", _numbered("{}", 9)))
    files.update({f"algmaps/pascal/{n}_dva.png": mask(n) for n in range(1, 5)})
    return [zipped(folder / "salObj.zip", files)]


def sod(folder: Path) -> List[Path]:
    return [zipped(folder / "SOD.zip", pairs("SOD/Image", "SOD/Mask", _numbered("{}018")))]


def supervisely_person(folder: Path) -> List[Path]:
    titles = [("person_bmp", "bitmap"), ("person_poly", "polygon"), ("neutral", "bitmap")]
    classes = [{"title": title, "shape": kind, "color": "#FF0000"} for title, kind in titles]
    files = {"persons/meta.json": json.dumps({"classes": classes, "tags": []}).encode()}
    for number in range(10):
        data_set, name = f"ds{number % 2 + 1}", f"bodybuilder-{number}.png"
        label = {
            "description": "",
            "tags": [],
            "size": {"height": HEIGHT, "width": WIDTH},
            "objects": [_bitmap("person_bmp", 2, 3), _polygon(), _bitmap("neutral", 15, 10)],
        }
        files[f"persons/{data_set}/img/{name}"] = photograph(number, "PNG")
        files[f"persons/{data_set}/ann/{name}.json"] = json.dumps(label).encode()
    return [tarred(folder / "persons.tar", files)]


def _bitmap(title: str, left: int, top: int) -> dict:
    rgba = np.zeros((3, 4, 4), np.uint8)
    rgba[1:, 1:, 3] = 255
    data = base64.b64encode(zlib.compress(encoded(rgba))).decode()
    return {
        "classTitle": title,
        "geometryType": "bitmap",
        "tags": [],
        "bitmap": {"data": data, "origin": [left, top]},
        "points": {"exterior": [], "interior": []},
    }


def _polygon() -> dict:
    points = {"exterior": [[10, 2], [14, 2], [14, 6], [10, 6]], "interior": []}
    return {"classTitle": "person_poly", "geometryType": "polygon", "tags": [], "points": points}


def drishti_gs(folder: Path) -> List[Path]:
    top, files = "Drishti-GS1_files/Drishti-GS1_files", {}
    for part, truth, numbers in (("Training", "GT", (2, 4, 8)), ("Test", "Test_GT", (1, 3))):
        for number in numbers:
            name = f"drishtiGS_{number:03}"
            place = f"{top}/{part}/{truth}/{name}"
            files[f"{top}/{part}/Images/{name}.png"] = photograph(number, "PNG")
            votes = np.array([0, 64, 128, 191, 255], np.uint8)[shape(number) * 2 + shape(2)]
            files[f"{place}/SoftMap/{name}_ODsegSoftmap.png"] = encoded(votes)
            files[f"{place}/SoftMap/{name}_cupsegSoftmap.png"] = mask(number)
            files[f"{place}/AvgBoundary/{name}_ODAvgBoundary.txt"] = b"1 2\n"
    return [zipped(folder / "archive.zip", files)]


def penn_fudan(folder: Path) -> List[Path]:
    top, files = "PennFudanPed", {"PennFudanPed/readme.txt": b"read me"}
    for seed, name in enumerate(_numbered("FudanPed{:05}", 5) + _numbered("PennPed{:05}", 5)):
        objects = shape(seed) + 2 * np.roll(shape(seed), 10, axis=1)
        files[f"{top}/PNGImages/{name}.png"] = photograph(seed, "PNG")
        files[f"{top}/PedMasks/{name}_mask.png"] = encoded(objects)
        files[f"{top}/Annotation/{name}.txt"] = b"# Compatible with PASCAL Annotation Version 1.00"
    return [zipped(folder / "PennFudanPed.zip", files)]


def pp_humanseg14k(folder: Path) -> List[Path]:
    top, files, number = "PP-HumanSeg14K", {}, 0
    for part, count in (("train", 3), ("val", 2)):
        lines = []
        for _ in range(count):
            name, number = f"video_{number:03}", number + 1
            files[f"{top}/images/{name}.jpg"] = photograph(number)
            files[f"{top}/annotations/{name}.png"] = mask(number, 38 if number % 2 else 1)
            lines.append(f"images/{name}.jpg annotations/{name}.png")
        files[f"{top}/{part}.txt"] = "\n".join(lines).encode()
    files[f"{top}/test/a.jpg"] = photograph(8)
    files[f"{top}/test.txt"] = b"test/a.jpg"
    return [zipped(folder / "PP-HumanSeg14K.zip", files)]


PARTS = {
    "optic_disc_seg": {"train": 4, "val": 2, "test": 1},
    "duts": {"train": 5, "val": 3},
    "ecssd": {"val": 4},
    "dut_omron": {"val": 4},
    "hku_is": {"val": 4},
    "pascal_s": {"val": 4},
    "sod": {"val": 4},
    "supervisely_person": {"train": 9, "val": 1},
    "drishti_gs": {"train": 3, "val": 2},
    "penn_fudan": {"train": 8, "val": 2},
    "pp_humanseg14k": {"train": 3, "val": 2},
}


def archives(name: str, folder: Path) -> List[Path]:
    """Write the archives of a data set."""
    return globals()[name](folder)


def reduced(name: str) -> Row:
    """Its row, with the numbers of pairs that are drawn here, and no checksums."""
    row = TABLE[name]
    splits = {p: split._replace(pairs=PARTS[name][p]) for p, split in row.splits.items()}
    pool = row.pool and row.pool._replace(pairs=sum(PARTS[name].values()))
    files = tuple(archive._replace(checksum=None) for archive in row.archives)
    return row._replace(splits=splits, pool=pool, archives=files)
