"""An imported data set: whole or not at all, the same however it was made, ready to train on."""

from __future__ import annotations

import errno
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.data_tools import sample_writer, train_yaml
from paddleseg_u2net.data_tools.annotations.mask_files import ENCODINGS, index_file
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    Sample,
)
from paddleseg_u2net.data_tools.convert import ImportFailed, Options, check_output, write
from paddleseg_u2net.datasets.pairing import from_list
from paddleseg_u2net.io.images import read_mask

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {"format": "drawn", "sources": {"images": "somewhere"}}
SHAPE = (24, 32)


@dataclass(frozen=True)
class Square:
    """A square of class ``number`` whose side is ``side`` pixels."""

    side: int
    number: int = 1
    file: Optional[Path] = None

    def read(self, shape):
        mask = np.zeros(shape, np.uint8)
        mask[: self.side, : self.side] = self.number
        return mask


@dataclass(frozen=True)
class Wrong:
    """A mask that does not fit."""

    file: Optional[Path] = None

    def read(self, shape):
        raise AnnotationError("b.png: expected 32 x 24, got 3 x 3")


def photo(path, seed=0, shape=SHAPE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def squares(folder, count=20, classes=("background", "object")):
    records = [
        Sample(photo(folder / f"{n:02}.jpg", n), f"{n:02}", Square(n % 12)) for n in range(count)
    ]
    return AnnotatedDataset(classes, records)


@dataclass(frozen=True)
class Inside:
    """A picture inside another file."""

    content: bytes
    suffix: str = ".jpg"

    def read(self):
        return self.content


@pytest.fixture
def drawings(tmp_path):
    return squares(tmp_path / "source")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "mine"


def configured(path):
    # Processes that unpickle a mask of this file need not load paddle.
    from paddleseg_u2net.config import Config

    return Config(path)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def left(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_layout(drawings, root):
    result = write(drawings, root, ABOUT, Options(test_share=0.2))
    assert left(root.parent) == ["mine"]
    names = ["classes.txt", "images", "import.json", "masks", "test_list.txt", "train.yaml"]
    assert left(root) == [*names, "train_list.txt", "val_list.txt"]
    assert lines(root / "classes.txt") == ["background", "object"]
    counts = {"train": 14, "val": 2, "test": 4}
    assert {part: item.images for part, item in result.parts.items()} == counts
    seen = []
    for part, count in counts.items():
        pairs = from_list(root / f"{part}_list.txt", root)
        assert len(pairs) == count
        assert lines(root / f"{part}_list.txt") == [
            f"{pair.name} masks/{Path(pair.name).stem}.png" for pair in pairs
        ]
        seen += [pair.name for pair in pairs]
    assert sorted(seen) == [f"images/{n:02}.jpg" for n in range(20)]


def test_masks_hold_class_numbers_and_show_colours(drawings, root):
    records = [replace(drawings.samples[0], mask=Square(5, 2)), *drawings.samples[1:]]
    records[1] = replace(records[1], mask=Square(5, 255))
    write(replace(drawings, classes=("background", "a", "b"), samples=records), root, ABOUT)
    for record in records:
        assert np.array_equal(read_mask(root / f"masks/{record.name}.png"), record.mask.read(SHAPE))
    with Image.open(root / "masks/00.png") as picture:
        colours = picture.convert("RGB")
        assert colours.getpixel((0, 0)) == (0, 128, 0) and colours.getpixel((9, 9)) == (0, 0, 0)


def test_where_links_fail_files_are_copied(drawings, root, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    write(drawings, root, ABOUT)
    assert (root / "images/00.jpg").read_bytes() == drawings.samples[0].image.read_bytes()
    assert not (root / "images/00.jpg").samefile(drawings.samples[0].image)


def test_mask_files_that_can_stay_are_linked(tmp_path, root):
    records = []
    for number, kind in enumerate((index_file, ENCODINGS["binary"])):
        path = tmp_path / f"m{number}.png"
        Image.fromarray(Square(5, (1, 255)[number]).read(SHAPE)).save(path)
        mask = kind(path, {0: 0, 1: 1}) if kind is index_file else kind(path)
        records.append(Sample(photo(tmp_path / f"{number}.jpg"), f"{number}", mask))
    write(AnnotatedDataset(("background", "object"), records), root, ABOUT, Options(val_share=0.5))
    assert (root / "masks/0.png").samefile(tmp_path / "m0.png")
    assert not (root / "masks/1.png").samefile(tmp_path / "m1.png")
    for name in ("0", "1"):
        assert np.array_equal(read_mask(root / f"masks/{name}.png"), Square(5).read(SHAPE))


@dataclass(frozen=True)
class Slope:
    """Grey from black to white."""

    dtype: str
    file: Optional[Path] = None

    def read(self, shape):
        top = np.iinfo(self.dtype).max
        return np.tile(np.linspace(0, top, shape[1]).astype(self.dtype), (shape[0], 1))


def test_soft_masks_stay_soft(tmp_path, root):
    grey = tmp_path / "grey.png"
    Image.fromarray(Slope("uint8").read(SHAPE)).save(grey)
    sources = [Slope("uint8"), Slope("uint16"), ENCODINGS["soft"](grey)]
    records = [Sample(photo(tmp_path / f"{n}.jpg"), str(n), mask) for n, mask in enumerate(sources)]
    soft = AnnotatedDataset(("background", "object"), records, soft=True)
    result = write(soft, root, ABOUT, Options(val_share=0.3))
    for n, mask in enumerate(sources):
        stored = read_mask(root / f"masks/{n}.png")
        assert stored.dtype == mask.read(SHAPE).dtype
        assert np.array_equal(stored, mask.read(SHAPE))
    assert (root / "masks/2.png").samefile(grey)
    assert result.parts["train"].foreground == pytest.approx(0.5, abs=0.01)
    assert result.parts["train"].classes == {"object": 2}
    config = configured(str(root / "train.yaml"))
    label = config.dataset("val")[0]["label"]
    assert 0.4 < float(np.mean(label)) < 0.6 and float(np.max(label)) == 1


def test_the_number_of_workers_changes_no_byte(tmp_path):
    source = squares(tmp_path / "source", 40)
    broken = tmp_path / "source/07.jpg"
    broken.write_bytes(broken.read_bytes()[:100])
    found = []
    for number in (0, 2):
        done = []
        root = tmp_path / f"w{number}" / "mine"
        write(source, root, ABOUT, Options(skip_bad=True, workers=number), done.append)
        assert sum(done) == 40
        found.append({name: data for name, data in tree(root).items() if name != "train.yaml"})
    assert len(found[0]) == 2 * 39 + 4
    assert found[0] == found[1]


def test_folders_in_names_and_names_with_spaces(tmp_path, root):
    names = ["a/holiday 1", "a/b/#x", "ä ö", "b"]
    records = [
        Sample(photo(tmp_path / f"{n}.PNG"), name, Square(3)) for n, name in enumerate(names)
    ]
    write(AnnotatedDataset(("background", "x"), records), root, ABOUT, Options(val_share=0.25))
    pairs = [p for part in ("train", "val") for p in from_list(root / f"{part}_list.txt", root)]
    assert sorted(pair.name for pair in pairs) == sorted(f"images/{name}.PNG" for name in names)
    assert all("\t" in line for line in lines(root / "train_list.txt"))


def test_without_the_folder_configs_it_says_so(drawings, root, monkeypatch, tmp_path):
    monkeypatch.setattr(train_yaml, "CONFIGS", tmp_path / "nowhere")
    write(drawings, root, ABOUT)
    assert "# _base_ is to point to" in (root / "train.yaml").read_text()


@pytest.mark.parametrize("name", ["mine", "a: b #c", "ünï"])
def test_train_yaml_is_ready(tmp_path, drawings, name):
    root = tmp_path / name / "mine"
    write(replace(drawings, classes=("background", "a: b")), root, ABOUT, Options(size=(128, 96)))
    config = configured(str(root / "train.yaml"))
    assert config.num_classes == 1 and config.preprocess().size == (128, 96)
    train, val = config.dataset("train"), config.dataset("val")
    assert (len(train), len(val)) == (18, 2)
    assert train.mask_encoding == val.mask_encoding == "index"
    assert train.classes == val.classes == ("background", "a: b")
    assert train.augmented(0, [0])[0].shape == (86, 115, 3) and not val.transforms
    text = (root / "train.yaml").read_text(encoding="utf-8")
    assert all(key in text for key in ("../", "batch_size: 4", "iters: 10000"))


def test_own_parts_and_dividing_anew(drawings, root, tmp_path):
    own = [
        replace(record, split="test" if n < 15 else "train")
        for n, record in enumerate(drawings.samples)
    ]
    drawings = replace(drawings, samples=own)
    result = write(drawings, root, ABOUT)
    assert {part: item.images for part, item in result.parts.items()} == {"train": 5, "test": 15}
    assert any("no val part; --resplit" in remark for remark in result.remarks)
    assert "val_dataset.val_path=test_list.txt" in (root / "train.yaml").read_text()
    anew = write(drawings, tmp_path / "anew", ABOUT, Options(resplit=True))
    assert {part: item.images for part, item in anew.parts.items()} == {"train": 18, "val": 2}


def test_groups_from_names(tmp_path, root):
    names = [f"patient{n // 4}_{n % 4}" for n in range(40)] + ["other"]
    records = [Sample(photo(tmp_path / f"{n}.jpg"), n, Square(3)) for n in names]
    collection = AnnotatedDataset(("background", "x"), records)
    result = write(collection, root, ABOUT, Options(val_share=0.2, group_by=r"(patient\d+)_"))
    val = lines(root / "val_list.txt")
    assert len(val) == 8
    assert {line.split("_")[0] for line in val}.isdisjoint(
        line.split("_")[0] for line in lines(root / "train_list.txt")
    )
    assert "--group_by gives 10 groups; 1 images, such as other, are in none" in result.remarks


@pytest.mark.parametrize(
    "pattern, error",
    [("(", "correct it"), ("[0-9]+", "in parentheses"), ("(nothing)", "found nothing in any name")],
)
def test_groups_that_are_none(drawings, root, pattern, error):
    with pytest.raises(ImportFailed, match=error):
        write(drawings, root, ABOUT, Options(group_by=pattern))


def spoiled(folder, count=30):
    """A broken image, one that is none, a mask of another size, numbers above the classes."""
    good = squares(folder, count).samples
    data = good[1].image.read_bytes()
    good[1].image.write_bytes(data[:-100])
    good[2].image.write_text("<html>")
    good[3] = replace(good[3], mask=Wrong())
    good[4] = replace(good[4], mask=Square(5, 9))
    return AnnotatedDataset(("background", "object"), good)


@pytest.mark.parametrize("workers", [0, 2])
def test_all_of_them_are_named_and_nothing_is_written(tmp_path, root, workers):
    with pytest.raises(ImportFailed) as caught:
        write(spoiled(tmp_path / "source"), root, ABOUT, Options(workers=workers))
    said = str(caught.value)
    for part in (
        "4 of 30 images cannot be used, so nothing was imported",
        "01.jpg: expected a whole picture, but the file is truncated",
        "02.jpg: expected a picture, found an HTML page",
        "b.png: expected 32 x 24",
        "04.jpg: expected class numbers below 2 in its mask, got 9",
        "--skip_bad",
    ):
        assert part in said
    assert left(root.parent) == []


def test_images_that_are_not_there_can_be_left_out(tmp_path, root):
    collection = squares(tmp_path / "source", 4)
    collection.bad = [Bad(Path("gone.jpg"), "gone.jpg: is not there", missing=True)]
    with pytest.raises(ImportFailed, match=r"(?s)1 of 5 .*gone.*, or leave .* --allow_missing$"):
        write(collection, root, ABOUT)
    result = write(collection, root, ABOUT, Options(allow_missing=True))
    assert [str(item.image) for item in result.bad] == ["gone.jpg"]
    shutil.rmtree(root)
    assert write(collection, root, ABOUT, Options(skip_bad=True)).bad == result.bad
    shutil.rmtree(root)
    # What is there and broken is another matter.
    collection.samples[0] = replace(collection.samples[0], mask=Wrong())
    with pytest.raises(ImportFailed, match=r"(?s)2 of 5 .*--skip_bad$"):
        write(collection, root, ABOUT, Options(allow_missing=True))
    assert len(write(collection, root, ABOUT, Options(skip_bad=True)).bad) == 2


@pytest.mark.parametrize("number", [0, 255])
def test_no_foreground_at_all_is_an_error_unless_asked_for(tmp_path, root, number):
    collection = squares(tmp_path / "source", 4)
    collection.samples[:] = [
        replace(record, mask=Square(9, number)) for record in collection.samples
    ]
    collection.remarks.append("left out: 9 boxes")
    with pytest.raises(
        ImportFailed, match=r"none of the 4 images .*left out: 9 boxes.*--allow_empty"
    ):
        write(collection, root, ABOUT)
    assert left(root.parent) == []
    result = write(collection, root, ABOUT, Options(allow_empty=True))
    assert "no image of train has any foreground" in result.remarks


def test_a_source_without_images_says_why(root):
    source = AnnotatedDataset(("background", "x"), [], remarks=["7 files alone"])
    with pytest.raises(ImportFailed, match="no images .*7 files alone"):
        write(source, root, ABOUT)


@pytest.mark.parametrize("empty", ["train", "val"])
def test_a_part_without_foreground(tmp_path, root, empty):
    """To train on it would be in vain; to measure on it is another matter."""
    collection = squares(tmp_path / "source", 4)
    collection.samples[:] = [
        replace(record, split=part, mask=Square(0 if part == empty else 5))
        for record, part in zip(collection.samples, ("train", "train", "train", "val"))
    ]
    if empty == "train":
        with pytest.raises(ImportFailed, match="none of the 3 images of train has any foreground"):
            write(collection, root, ABOUT)
    said = f"no image of {empty} has any foreground"
    options = Options(allow_empty=empty == "train")
    assert said in write(collection, root, ABOUT, options).remarks
    shutil.rmtree(root)
    # What is divided here is a matter of the seed.
    write(collection, root, ABOUT, Options(resplit=True))


@pytest.mark.parametrize(
    "names", [("a", "A"), ("a/x", "A/X"), ("B\u00e4r", "Ba\u0308r"), ("stra\u00dfe", "STRASSE")]
)
def test_names_that_one_file_system_takes_for_one(tmp_path, root, names):
    records = [
        Sample(photo(tmp_path / f"{n}.jpg"), name, Square(3))
        for n, name in enumerate([*names, "b", "c"])
    ]
    collection = AnnotatedDataset(("background", "x"), records)
    with pytest.raises(ImportFailed, match=r"1\.jpg: has the name of .*0\.jpg .*; rename it"):
        write(collection, root, ABOUT)
    assert len(write(collection, root, ABOUT, Options(skip_bad=True)).bad) == 1


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "a/../../x", "a//b", "", ".", "a\\b", "a\nb", "a\u2028b", "a\x00b", "\udcff"],
)
def test_names_that_lead_elsewhere_or_break_lists(tmp_path, root, name):
    collection = squares(tmp_path / "source", 4)
    collection.samples[2] = replace(collection.samples[2], name=name)
    with pytest.raises(ImportFailed, match=r"02\.jpg: .*name.*rename it"):
        write(collection, root, ABOUT)
    write(collection, root, ABOUT, Options(skip_bad=True))
    assert len(left(root / "images")) == 3
    assert left(tmp_path) == ["data", "source"] and left(root.parent) == ["mine"]


def test_places_that_are_refused(drawings, tmp_path, monkeypatch):
    source = tmp_path / "source"
    (tmp_path / "link").symlink_to(source, target_is_directory=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/.hidden").write_text("mine")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for output, said in (
        (source, "outside of the source"),
        (source / "a/b", "outside of the source"),
        (tmp_path / "x/../source/out", "outside of the source"),
        (tmp_path / "link/out", "outside of the source"),
        (tmp_path, "is inside this folder"),
        (tmp_path / "full", "new or empty folder, found files"),
        (Path(), "the current folder.*folder in it"),
        (Path("../here"), "the current folder.*folder in it"),
        (tmp_path / "full/.hidden", "is a file"),
        (tmp_path / "full/.hidden/a/b", "is a file"),
    ):
        with pytest.raises((ImportFailed, OSError), match=said):
            check_output(output, [tmp_path / "other", source])
    check_output(tmp_path / "source2", [source])
    check_output(source / "out", [source / "images"])
    write(drawings, Path("new"), ABOUT)
    assert (tmp_path / "full/.hidden").read_text() == "mine" and left(tmp_path / "here") == ["new"]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("existed", [False, True])
def test_what_comes_there_meanwhile_stays(drawings, root, monkeypatch, existed, late):
    if existed:
        root.mkdir(parents=True)

    def put(_):
        root.mkdir(parents=True, exist_ok=True)
        (root / "precious").write_text("mine")

    if late:  # when files are written, but before the folder gets its name
        monkeypatch.setattr(os, "fsync", put)
    with pytest.raises(FileExistsError, match="found a folder with something in it: move it away"):
        write(drawings, root, ABOUT, Options(), print if late else put)
    assert left(root) == ["precious"] and left(root.parent) == ["mine"]


@pytest.mark.parametrize("where", ["masks", "copy"])
def test_a_full_disk_leaves_nothing(drawings, root, monkeypatch, where):
    def full(source, place):
        if where == "masks":  # as the system tells it of an open file
            raise OSError(errno.ENOSPC, "No space left on device")
        raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(place))

    if where == "copy":
        monkeypatch.setattr(sample_writer.shutil, "copyfile", full)
    else:
        monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: .*mine"):
        write(drawings, root, ABOUT, Options(copy=where == "copy", skip_bad=True))
    assert left(root.parent) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_an_interruption_leaves_nothing(tmp_path, root, workers):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(squares(tmp_path / "source", 60), root, ABOUT, Options(workers=workers), stop)
    assert left(root.parent) == []
    time.sleep(0.3)  # a process that still wrote would make the folder again
    assert left(root.parent) == []


def test_train_yaml_turns_nobody_upside_down_unless_asked(drawings, root):
    write(drawings, root, ABOUT)
    path = root / "train.yaml"
    text = path.read_text()
    for asked in (False, True):
        path.write_text(text.replace("# - {", "- {") if asked else text)
        kinds = [type(item).__name__ for item in configured(str(path)).dataset("train").transforms]
        assert "RandomHorizontalFlip" in kinds
        assert ("RandomVerticalFlip" in kinds) is asked


def test_train_yaml_tells_how_to_fine_tune(drawings, root):
    write(drawings, root, ABOUT)
    path = root / "train.yaml"
    text = path.read_text().replace("# lr_scheduler", "lr_scheduler")
    path.write_text(text.replace("num_classes: 1", "num_classes: 1, pretrained: u2netp"))
    config = configured(str(path))
    assert config.pretrained == "u2netp"
    assert config.lr_schedule().get_lr() == 1e-6
    for line in ("learning_rate: 0.0001", "warmup_iters: 200"):
        assert f"  {line}\n" in str(config)


def test_pictures_that_other_files_hold_become_files(root, drawings):
    content = drawings.samples[3].image.read_bytes()
    holder = root.parents[1] / "03.json"
    holder.write_text("{}")
    drawings.samples[3] = replace(drawings.samples[3], image=holder, picture=Inside(content))
    write(drawings, root, ABOUT)
    assert (root / "images" / "03.jpg").read_bytes() == content
    assert len(list((root / "masks").iterdir())) == len(drawings.samples)
    drawings.samples[3] = replace(drawings.samples[3], picture=Inside(content[:-50]))
    with pytest.raises(
        ImportFailed, match=r"1 of 20 images.*\n.*03\.json: expected a whole picture"
    ):
        write(drawings, root.with_name("other"), ABOUT)
