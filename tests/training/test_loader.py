"""Batches: complete, the same whatever the number of workers, and from any iteration on."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.augment import RandomCrop
from paddleseg_u2net.inference import Pipeline, Preprocess, Window
from paddleseg_u2net.training.loader import DataError, Schedule, train_loader, validation_loader


@given(
    length=st.integers(1, 40),
    batch_size=st.integers(1, 5),
    processes=st.integers(1, 4),
    seed=st.integers(0, 3),
)
@settings(max_examples=60)
def test_the_ranks_together_see_an_epoch_without_repetition(length, batch_size, processes, seed):
    if length < batch_size * processes:
        return
    per_epoch = length // (batch_size * processes)
    for epoch in range(3):
        ends = (epoch * per_epoch, (epoch + 1) * per_epoch)
        ranks = [
            list(Schedule(length, batch_size, seed, *ends, rank, processes))
            for rank in range(processes)
        ]
        assert [len(batches) for batches in ranks] == [per_epoch] * processes
        batches = [batch for batches in ranks for batch in batches]
        assert {len(batch) for batch in batches} == {batch_size}
        seen = {item for batch in batches for item in batch}
        assert len(seen) == per_epoch * batch_size * processes
        assert seen <= {(epoch, index) for index in range(length)}


@given(start=st.integers(0, 20), rank=st.integers(0, 1))
@settings(max_examples=30)
def test_a_resumed_run_sees_exactly_the_tail(start, rank):
    whole = list(Schedule(11, 2, 7, 0, 20, rank, 2))
    assert list(Schedule(11, 2, 7, start, 20, rank, 2)) == whole[start:]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_data_set_smaller_than_a_batch_is_refused(ranks):
    said = rf"train_dataset: 7 pairs do not fill one batch of 8 \(in each of {ranks} proc"
    with pytest.raises(DataError, match=said):
        Schedule(7, 8, 0, 0, 1, 0, ranks)
    Schedule(7, 3, 0, 0, 1, 0, ranks)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def make_pairs(root, count, shape=(9, 11), masks=2):
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(noise(*shape, 3, seed=number)).save(root / "images" / f"{number}.png")
        mask = noise(*shape, seed=number + 100) % masks
        mask[0, :masks] = range(masks)
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    return root


def two_sizes(tmp_path):
    make_pairs(tmp_path / "wide", 1, (9, 12))
    root = make_pairs(tmp_path / "all", 1)
    for kind in ("images", "masks"):
        (tmp_path / "wide" / kind / "0.png").rename(root / kind / "1.png")
    return root


def dataset(root, mode="train", **arguments):
    return PairDataset(mode, dataset_root=str(root), images="images", masks="masks", **arguments)


def augmentation():
    from paddleseg.transforms import RandomHorizontalFlip, RandomVerticalFlip

    return [RandomCrop([7, 5]), RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5)]


def batches(data, schedule, workers, preprocess=None):
    loader = train_loader(data, preprocess or Preprocess(), schedule, workers)
    return [(images.numpy(), labels.numpy()) for images, labels in loader]


@pytest.mark.parametrize("num_classes", [1, 3])
def test_batches_are_the_same_for_every_number_of_workers(tmp_path, num_classes):
    root = make_pairs(tmp_path, 7, masks=max(2, num_classes))
    data = dataset(root, transforms=augmentation(), num_classes=num_classes)
    schedule = Schedule(7, 2, 5, 1, 7)
    two, alone = (batches(data, schedule, workers) for workers in (2, 0))
    assert len(alone) == len(two) == 6
    for first, second in zip(alone, two):
        assert first[0].shape == (2, 3, 5, 7) and first[1].shape == (2, 5, 7)
        assert first[0].dtype == np.float32
        assert first[1].dtype == (np.float32 if num_classes == 1 else np.int64)
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_batches_are_the_augmented_pairs_of_the_schedule(tmp_path):
    data = dataset(make_pairs(tmp_path, 5), transforms=augmentation())
    schedule = Schedule(5, 2, 3, 0, 4)
    for items, (images, labels) in zip(schedule, batches(data, schedule, 0)):
        for (epoch, index), image, label in zip(items, images, labels):
            expected_image, expected_label = data.augmented(index, (3, epoch, index))
            np.testing.assert_array_equal(image, Preprocess()(expected_image))
            np.testing.assert_array_equal(label, expected_label)


# OpenCV takes a lock while a thread that used it ends, and a worker that is forked just then waits
# for that lock for ever: whoever has no workers must not read in a thread of its own.
def test_without_workers_no_thread_reads(tmp_path):
    before = set(threading.enumerate())
    reading = []

    class Watched(PairDataset):
        def read(self, index):
            reading.append(threading.current_thread())
            return super().read(index)

    folders = {"images": "images", "masks": "masks"}
    data = Watched("train", dataset_root=str(make_pairs(tmp_path, 4)), **folders)
    batches(data, Schedule(4, 2, 0, 0, 2), 0)
    validated(data, [0, 1, 2, 3], 2, 0)
    assert len(reading) == 8
    assert set(reading) <= before


@pytest.mark.parametrize(("kind", "workers"), [("images", 0), ("masks", 2)])
def test_a_broken_file_is_an_error_that_names_it(tmp_path, workers, kind):
    data = dataset(make_pairs(tmp_path, 4), mask_values="index")
    (tmp_path / kind / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"{kind}/2\.png: expected a picture"):
        batches(data, Schedule(4, 2, 0, 0, 2), workers)
    assert multiprocessing.active_children() == []
    with pytest.raises(DataError, match=rf"{kind}/2\.png: expected a picture"):
        validated(data, [0, 1, 2], 2, 0)


def test_a_transform_that_fails_names_the_image(tmp_path):
    data = dataset(make_pairs(tmp_path, 2), transforms=[RandomCrop([20, 20])])
    with pytest.raises(DataError, match=r"images/[01]\.png: RandomCrop: expected an image of at"):
        batches(data, Schedule(2, 1, 0, 0, 1), 0)


def test_samples_of_different_sizes_are_refused(tmp_path):
    with pytest.raises(DataError, match="samples of a batch differ in size.*Resize"):
        batches(dataset(two_sizes(tmp_path)), Schedule(2, 2, 0, 0, 1), 0)


@pytest.mark.filterwarnings("ignore:DataLoader with multi-process")
def test_systems_on_which_paddle_has_no_workers(tmp_path, monkeypatch):
    data = dataset(make_pairs(tmp_path, 6))
    expected = batches(data, Schedule(6, 2, 0, 0, 6), 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    for ours, theirs in zip(batches(data, Schedule(6, 2, 0, 0, 6), 2), expected):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_a_worker_that_reads_for_long_is_ended(tmp_path):
    class Slow(PairDataset):
        reads = 0  # of each worker

        def read(self, index):
            self.reads += 1
            if self.reads > 2:  # not in its first batch
                time.sleep(600)
            return super().read(index)

    folders = {"images": "images", "masks": "masks"}
    data = Slow("train", dataset_root=str(make_pairs(tmp_path, 4)), **folders)
    loader = train_loader(data, Preprocess(), Schedule(4, 2, 0, 0, 8), 2)
    next(loader)
    workers = multiprocessing.active_children()
    loader.close()
    for worker in workers:
        worker.join(10)
    assert len(workers) == 2 and all(worker.exitcode is not None for worker in workers)


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    make_pairs(tmp_path, 6)
    code = f"""
import multiprocessing, os, signal
from tests.training.test_loader import Preprocess, Schedule, dataset, train_loader
loader = train_loader(dataset({str(tmp_path)!r}), Preprocess(), Schedule(6, 2, 0, 0, 30), 2)
next(loader)
print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    # Workers hold the pipe, too: its end comes when all have ended.
    said, _ = done.communicate(timeout=60)
    assert done.returncode == -signal.SIGKILL and len(said.split()) == 2


def test_workers_that_are_left_to_the_end_are_no_error(tmp_path):
    make_pairs(tmp_path, 6)
    code = f"""
from tests.training.test_loader import Preprocess, Schedule, dataset, train_loader
loader = train_loader(dataset({str(tmp_path)!r}), Preprocess(), Schedule(6, 2, 0, 0, 3000), 2)
next(loader)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Traceback" not in done.stderr


def validated(data, indices, batch, workers, size=(8, 6), **more):
    predictor = Pipeline(lambda x: x, Preprocess(size), **more)
    return list(validation_loader(data, predictor, indices, batch, workers))


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (2, 2), (9, 0)])
def test_validation_keeps_the_order_and_labels_their_size(tmp_path, workers, batch):
    data = dataset(make_pairs(tmp_path, 5), "val")
    indices = [3, 0, 4, 1, 2]
    found = validated(data, indices, batch, workers)
    assert [len(inputs) for inputs, _ in found][:-1] == [batch] * (len(found) - 1)
    pairs = [pair for inputs, labels in found for pair in zip(inputs, labels)]
    assert len(pairs) == 5
    for index, (image, label) in zip(indices, pairs):
        expected_image, expected_label = data.read(index)
        assert isinstance(image, np.ndarray) and isinstance(label, np.ndarray)
        np.testing.assert_array_equal(image, Preprocess((8, 6))(expected_image))
        np.testing.assert_array_equal(label, expected_label)
        assert label.dtype == expected_label.dtype


def test_validation_takes_pictures_of_different_sizes(tmp_path):
    data = dataset(two_sizes(tmp_path), "val")
    ((inputs, labels),) = validated(data, [0, 1], 2, 0)
    assert [item.shape for item in inputs] == [(3, 6, 8)] * 2
    assert [item.shape for item in labels] == [(9, 11), (9, 12)]
    ((inputs, _),) = validated(data, [0, 1], 2, 0, window=Window((4, 4), (4, 4)))
    assert [item.shape for item in inputs] == [(3, 9, 11), (3, 9, 12)]
