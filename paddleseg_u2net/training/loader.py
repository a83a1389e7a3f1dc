"""Batches: the same data in the same order whatever the number of workers, from any iteration."""

from __future__ import annotations

import atexit
import contextlib
from functools import partial
from typing import Any, Callable, Dict, Generator, Iterator, List, Sequence, Tuple

import cv2
import numpy as np
import paddle

from paddleseg_u2net import signals
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.parallel import follow_parent

Item = Tuple[int, int]  # epoch (0, 1, ...), index into the data set


class DataError(ValueError):
    """A file of a data set cannot be used; the message names it."""


class Schedule:
    """Batches of (epoch, index) from number ``start`` to ``stop``. Epoch e is the permutation drawn
    from (seed, e); what does not fill a batch of all processes is left out.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int,
        start: int,
        stop: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        if length < batch_size * processes:
            raise DataError(
                f"train_dataset: {length} pairs do not fill one batch of {batch_size} (in each of "
                f"{processes} processes); add images, or lower batch_size"
            )
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.start, self.stop, self.rank, self.processes = start, stop, rank, processes
        self.per_epoch = length // (batch_size * processes)

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[List[Item]]:
        epoch, order = -1, np.zeros(0, np.int64)
        for number in range(self.start, self.stop):
            if number // self.per_epoch != epoch:
                epoch = number // self.per_epoch
                order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
            first = ((number % self.per_epoch) * self.processes + self.rank) * self.batch_size
            yield [(epoch, int(i)) for i in order[first : first + self.batch_size]]


class _Samples:
    """Samples for processes that read ahead: an error comes back as a text, to be raised here.
    ``read`` makes an input and a label of an item, ``batch`` a batch of those.
    """

    def __init__(self, dataset: PairDataset, read: Callable, batch: Callable) -> None:
        self.dataset, self.read, self.batch = dataset, read, batch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, item: Any) -> Any:
        try:
            return self.read(item)
        except (ValueError, OSError) as error:
            index = item[1] if isinstance(item, tuple) else item
            pair, text = self.dataset.pairs[index], str(error)
            named = str(pair.image) in text or str(pair.mask) in text
            return text if named else f"{pair.image}: {text}"

    def collate(self, samples: Sequence[Any]) -> Dict[str, Any]:
        """Samples to a batch, or the first error."""
        errors = [sample for sample in samples if isinstance(sample, str)]
        return _error(errors[0]) if errors else self.batch(*zip(*samples))


def _stacked(inputs: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Dict[str, Any]:
    sizes = {item.shape[1:] for item in inputs}
    if len(sizes) > 1:
        return _error(
            f"train_dataset.transforms: samples of a batch differ in size, {sorted(sizes)}; "
            "end with a Resize or RandomCrop to one size"
        )
    return {"inputs": np.stack(inputs), "labels": np.stack(labels)}


def _listed(inputs: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> Dict[str, Any]:
    return {"inputs": list(inputs), "labels": list(labels)}


def _error(message: str) -> Dict[str, Any]:
    """A batch that carries a message: paddle's loader ends in silence on one without an array."""
    return {"error": np.frombuffer(message.encode(), np.uint8)}


def train_loader(
    dataset: PairDataset, preprocess: Preprocess, schedule: Schedule, num_workers: int
) -> Iterator[Tuple[paddle.Tensor, paddle.Tensor]]:
    """Images float32 (N, C, H, W) and labels (N, H, W), for every batch of ``schedule``. Labels of
    two classes and more are int64, as losses of softmax take them.
    """

    def read(item: Item) -> Tuple[np.ndarray, np.ndarray]:
        epoch, index = item
        image, label = dataset.augmented(index, (schedule.seed, epoch, index))
        return preprocess(image, resize=False), label

    for batch in _batches(_Samples(dataset, read, _stacked), schedule, num_workers):
        labels = paddle.to_tensor(batch["labels"])
        whole = dataset.num_classes > 1
        yield paddle.to_tensor(batch["inputs"]), labels.astype("int64") if whole else labels


def validation_loader(
    dataset: PairDataset, pipeline: Pipeline, indices: Sequence[int], batch: int, workers: int
) -> Iterator[Tuple[List[np.ndarray], List[np.ndarray]]]:
    """Lists of inputs float32 (C, h, w) and labels (H, W), ``batch`` at a time."""

    def read(index: int) -> Tuple[np.ndarray, np.ndarray]:
        image, label = dataset.read(index)
        return pipeline.prepare(image), label

    groups = [list(indices[i : i + batch]) for i in range(0, len(indices), batch)]
    for found in _batches(_Samples(dataset, read, _listed), groups, workers):
        yield list(map(np.asarray, found["inputs"])), list(map(np.asarray, found["labels"]))


def _batches(samples: Any, groups: Any, num_workers: int) -> Iterator[Dict[str, Any]]:
    """The collated samples of each group, read by ``num_workers`` processes, or by this one."""
    # Without workers not by paddle's loader: it would read in a thread, see below.
    read = _read_by_workers(samples, groups, num_workers) if num_workers else _read(samples, groups)
    with contextlib.closing(read) as batches:
        for batch in batches:
            if "error" in batch:
                raise DataError(bytes(np.asarray(batch["error"])).decode())
            yield batch


def _read(samples: Any, groups: Any) -> Generator[Dict[str, Any], None, None]:
    for group in groups:
        yield samples.collate([samples[item] for item in group])


def _read_by_workers(
    samples: Any, groups: Any, num_workers: int
) -> Generator[Dict[str, Any], None, None]:
    # Workers are forked. What another thread has locked at that moment stays locked in them for
    # ever, so OpenCV gets no threads, and data comes back through pipes: Paddle's shared memory has
    # locks (and /dev/shm is often small).
    cv2.setNumThreads(0)
    loader = paddle.io.DataLoader(
        samples,
        batch_sampler=groups,
        collate_fn=samples.collate,
        num_workers=num_workers,
        worker_init_fn=lambda _: follow_parent(),
        return_list=True,
        use_shared_memory=False,
    )
    if not loader.num_workers:  # Paddle has none on macOS and Windows, and has said so
        yield from _read(samples, groups)
        return
    with contextlib.ExitStack() as stack:
        with signals.waiting():  # see `follow_parent`
            batches = iter(loader)
            end = partial(_end_workers, batches)
            stack.callback(end)
            # What an error keeps alive lasts until the process ends, where Paddle raises another
            # of each worker that multiprocessing ends.
            atexit.register(end)
            stack.callback(atexit.unregister, end)
        yield from batches


def _end_workers(batches: Any) -> None:
    # A thread of Paddle's holds what would end them, so that they would stay until this process
    # ends; there is no public way.
    batches._try_shutdown_all(timeout=1 / len(batches._workers))
    for worker in batches._workers:
        worker.kill()  # one that is still reading
