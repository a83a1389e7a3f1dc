"""Every data set of the table, from archives as they are published to a data set that is read."""

from __future__ import annotations

import os
import tarfile
import zipfile

import numpy as np
import pytest

from paddleseg_u2net.data_tools.known import prepare
from paddleseg_u2net.data_tools.layouts import PreparationError
from paddleseg_u2net.datasets import TABLE
from paddleseg_u2net.io.images import read_mask
from tests.data_tools import published
from tests.data_tools.published import PARTS, TWICE, archives, reduced, shape, zipped


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Files are not flushed to the disk one by one."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def table(monkeypatch):
    """The table with the numbers of pairs that are drawn."""
    for name in PARTS:
        monkeypatch.setitem(TABLE, name, reduced(name))


def made(name, tmp_path, files=None, **options):
    files = archives(name, tmp_path / "downloads") if files is None else files
    return prepare(name, tmp_path / "data", files, **options)


def refused(match, *arguments, **options):
    with pytest.raises(PreparationError, match=match):
        made(*arguments, **options)


def snapshot(folder):
    """Every path with its bytes and times."""
    return {
        str(path.relative_to(folder)): (
            path.is_file() and path.read_bytes(), path.lstat().st_mtime_ns, path.is_symlink(),
        )
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_an_unpacked_folder_is_never_changed(name, tmp_path, table):
    source = tmp_path / "source"
    for file in archives(name, tmp_path / "downloads"):
        opens = tarfile.open if tarfile.is_tarfile(file) else zipfile.ZipFile
        with opens(file) as archive:
            archive.extractall(source)
    before = snapshot(source)
    done = prepare(name, tmp_path / "data", source=source)
    assert done.parts == PARTS[name]
    assert snapshot(source) == before
    for path in source.rglob("*"):
        assert path.is_dir() or path.stat().st_nlink == 1
    assert not prepare(name, tmp_path / "data", source=source).fresh


@pytest.mark.parametrize("name", ["duts", "optic_disc_seg", "supervisely_person"])
def test_an_archive_of_something_else_is_refused(name, tmp_path, table):
    other = zipped(tmp_path / "other.zip", {"cats/a.txt": b"a", "cats/b.txt": b"b"})
    refused(r"other.zip: expected .*found .*cats \(2 files\)", name, tmp_path, [other])
    assert list((tmp_path / "data").iterdir()) == []


def repacked(tmp_path, name, rename, into="copy.zip"):
    """One archive of all files of a data set, under other names."""
    files = {}
    for file in archives(name, tmp_path / "originals"):
        with zipfile.ZipFile(file) as archive:
            files.update({rename(entry): archive.read(entry) for entry in archive.namelist()})
    return [zipped(tmp_path / into, files)]


@pytest.mark.parametrize("name", ["duts", "ecssd", "dut_omron", "hku_is", "penn_fudan",
                                  "drishti_gs", "optic_disc_seg", "pp_humanseg14k"])  # fmt: skip
def test_a_copy_in_one_archive_wrapped_in_folders(name, tmp_path, table):
    files = repacked(tmp_path, name, lambda entry: f"my copy/data/{entry}")
    assert made(name, tmp_path, files).parts == PARTS[name]


@pytest.mark.parametrize(("images", "masks"), [("Imgs", "GT"), ("b/image", "a/mask")])
def test_a_copy_with_usual_names_of_folders(images, masks, tmp_path, table):
    def rename(entry):
        folder, name = entry.split("/")[-2:]
        return f"x/{masks if folder == 'ground_truth_mask' else images}/{name}"

    assert made("ecssd", tmp_path, repacked(tmp_path, "ecssd", rename)).parts == PARTS["ecssd"]
    odd = repacked(tmp_path, "ecssd", lambda entry: entry.replace("ground_truth_mask", "b"))
    refused("expected folders images and ground_truth_mask", "ecssd", tmp_path / "odd", odd)


def test_one_of_two_archives_is_refused_with_what_is_missing(tmp_path, table):
    images, _ = archives("ecssd", tmp_path / "downloads")
    refused("expected folders images and ground_truth_mask with 4 images", "ecssd", tmp_path,
            [images])  # fmt: skip
    train, _ = archives("duts", tmp_path / "downloads")
    refused("DUTS-TE-Image", "duts", tmp_path, [train])
    done = made("duts", tmp_path, [train], allow_incomplete=True)
    assert done.parts == {"train": 5} and "val: not there" in done.remarks
    again = made("duts", tmp_path)
    assert not again.fresh and "move the folder away" in again.remarks[-1]


def test_the_same_twice_is_refused(tmp_path, table):
    files = published.pairs("a/images", "a/ground_truth_mask", ["1", "2"])
    files.update(published.pairs("b/images", "b/ground_truth_mask", ["1", "2"]))
    refused("found .* times .*a/images.*b/images", "ecssd", tmp_path,
            [zipped(tmp_path / "two.zip", files)])  # fmt: skip


def test_of_two_masks_the_one_of_the_images_size_is_taken(tmp_path, table):
    done = made("duts", tmp_path)
    masks = done.folder / "DUTS-TR/DUTS-TR-Mask"
    assert not (masks / f"{TWICE}.jpg").exists()
    np.testing.assert_array_equal(read_mask(masks / f"{TWICE}.png"), shape(4) * 255)
    assert any("1 masks were cut in the middle" in remark for remark in done.remarks)
    assert any("sun_bcogaqperiljqupq.jpg" in remark for remark in done.remarks)


@pytest.mark.realdata
def test_the_cut_of_drishti_is_the_one_of_the_reference_data(shared):
    from paddleseg_u2net.data_tools.arrange import recode

    data = shared / "data/optic_disc_seg"
    for soft in sorted((data / "SoftMaps").iterdir())[:10]:
        disc = read_mask(data / "Annotations" / soft.name)
        np.testing.assert_array_equal(recode(soft, "votes")[0], disc * 255)


def test_soft_masks_are_cut_in_the_middle_and_counted(tmp_path, table):
    files = published.pairs("images", "ground_truth_mask", ["1", "2", "3", "4"])
    soft = np.arange(18 * 24, dtype=np.uint16).reshape(18, 24) % 256
    files["ground_truth_mask/2.png"] = published.encoded(soft.astype(np.uint8))
    files["ground_truth_mask/3.png"] = published.mask(2, 1)
    done = made("ecssd", tmp_path, [zipped(tmp_path / "a.zip", files)])
    np.testing.assert_array_equal(
        read_mask(done.folder / "ground_truth_mask/2.png"), np.where(soft >= 128, 255, 0)
    )
    np.testing.assert_array_equal(
        read_mask(done.folder / "ground_truth_mask/3.png"), shape(2) * 255
    )
    assert done.remarks[0].startswith("val: 2 masks were cut in the middle")


def test_objects_and_other_numbers_become_one(tmp_path, table):
    people = made("penn_fudan", tmp_path / "a")
    mask = read_mask(people.folder / "PedMasks/FudanPed00001.png")
    np.testing.assert_array_equal(mask, shape(0) | np.roll(shape(0), 10, axis=1))
    done = made("pp_humanseg14k", tmp_path / "b")
    np.testing.assert_array_equal(read_mask(done.folder / "annotations/video_000.png"), shape(1))
    assert "train: 2 masks were given 1 for the foreground" in "\n".join(done.remarks)


def test_people_are_drawn_and_neutral_regions_ignored(tmp_path, table):
    done = made("supervisely_person", tmp_path)
    mask = read_mask(done.folder / "masks/ds1/bodybuilder-0.png")
    bitmap, neutral = np.zeros((18, 24), bool), np.zeros((18, 24), bool)
    bitmap[4:6, 3:6] = neutral[11:13, 16:19] = True
    assert (mask[bitmap] == 1).all() and (mask[3:6, 11:14] == 1).all()
    np.testing.assert_array_equal(mask == 255, neutral)
    mask[2:7, 10:15] = 0  # the polygon, up to its outline
    np.testing.assert_array_equal(mask == 1, bitmap)
    lists = [(done.folder / f"{part}_list.txt").read_text().split() for part in ("train", "val")]
    assert not set(lists[0]) & set(lists[1])


def test_a_mask_of_another_size_or_value_is_named(tmp_path, table):
    files = published.pairs("images", "ground_truth_mask", ["1", "2", "3", "4"])
    files["ground_truth_mask/2.png"] = published.encoded(np.zeros((4, 4), np.uint8))
    archive = zipped(tmp_path / "a.zip", files)
    refused("1 that cannot be used, such as .*2.png: is of another size", "ecssd", tmp_path,
            [archive])  # fmt: skip
    assert made("ecssd", tmp_path, [archive], allow_incomplete=True).parts == {"val": 3}
    discs = {"train_list.txt": b"a.jpg a.png", "a.jpg": published.photograph(0),
             "a.png": published.mask(0, 7)}  # fmt: skip
    refused("expected a mask of 0 and 1, got the values 0, 7", "optic_disc_seg", tmp_path,
            [zipped(tmp_path / "b.zip", discs)], allow_incomplete=True)  # fmt: skip


@pytest.mark.parametrize("line", ["../../secret.jpg a.png", "/etc/hostname a.png", "a.jpg", "a b c",
                                  "x/../../y.jpg a.png"])  # fmt: skip
def test_a_list_that_leads_elsewhere_or_nowhere_is_refused(line, tmp_path, table):
    files = {"d/train_list.txt": line.encode(), "d/a.jpg": published.photograph(0),
             "d/a.png": published.mask(0, 1)}  # fmt: skip
    refused("line 1: expected `image mask`, two paths below d", "optic_disc_seg", tmp_path,
            [zipped(tmp_path / "a.zip", files)], allow_incomplete=True)  # fmt: skip


def test_two_files_for_one_place_are_refused(tmp_path, table):
    files = {"train_list.txt": b"a.jpg a.png\nA.jpg a.png", "a.jpg": published.photograph(0)}
    refused("found 1 twice, such as a", "optic_disc_seg", tmp_path,
            [zipped(tmp_path / "a.zip", files)], allow_incomplete=True)  # fmt: skip


@pytest.mark.parametrize("content", ["file", "folder", "empty", "dangling", "link"])
def test_something_else_in_its_place_is_refused_and_not_touched(content, tmp_path, table):
    place = tmp_path / "data/ecssd"
    place.parent.mkdir()
    if content == "file":
        place.write_text("mine")
    elif content == "folder":
        (place / "images").mkdir(parents=True)
        (place / "images/1.txt").write_text("mine")
    elif content == "empty":
        place.mkdir()
    elif content == "dangling":
        place.symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    files = archives("ecssd", tmp_path / "downloads")
    before = snapshot(tmp_path)
    refused("something else lies there", "ecssd", tmp_path, files)
    after = snapshot(tmp_path)
    before.pop("data"), after.pop("data")  # the lock came and went
    assert after == before


def test_lost_files_and_changed_lists_are_found(tmp_path, table):
    done = made("ecssd", tmp_path)
    (done.folder / "images/0002.jpg").unlink()
    refused("there is no .*0002.jpg.*move the folder away", "ecssd",
            tmp_path, [])  # fmt: skip
    (done.folder / "val_list.txt").write_text("images/0001.jpg ground_truth_mask/0001.png\n")
    refused("they name .'val': 1. pairs", "ecssd", tmp_path, [])
    (done.folder / "prepared.json").write_text("{}")
    refused("cannot be used", "ecssd", tmp_path, [])


def test_nothing_is_written_outside_the_root(tmp_path, table):
    evil = published.zipped(tmp_path / "evil.zip", {"../../outside.jpg": b"x"})
    before = snapshot(tmp_path)
    refused("outside", "ecssd", tmp_path, [evil])
    after = {name: state for name, state in snapshot(tmp_path).items() if name != "data"}
    assert after == before
