"""The set-up that is examined: its pairs, its network as training begins with it, and the time."""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import cv2
import numpy as np
import paddle

from paddleseg_u2net.config import Config
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.training import batchnorm
from paddleseg_u2net.training.diagnosis.samples import Sample, read_samples
from paddleseg_u2net.training.heads import heads_of
from paddleseg_u2net.training.step import Frozen

Batch = Tuple[paddle.Tensor, paddle.Tensor]

# Samples in a batch at most: as small as gradients of BatchNorm networks bear.
_MOST_IN_A_BATCH = 4
# Longer sides of what the network is given on a CPU: the first with which there is time for so many
# steps. Networks halve their input five times.
_SIDES_ON_CPU, _UNIT = (128, 96, 64), 32
_STEPS_AT_LEAST = 200


class Subject:
    """A configuration, with what examinations need of it.

    Args:
        config: the configuration.
        seed: draws the pairs, the weights and the augmentation.
        num_workers: processes that read in training; do_eval: whether it validates.
        seconds: that all examinations may take together.

    Attributes:
        dataset: training's data set; samples: some of its pairs, see `read_samples`.
        pretrained: the weights that the network starts from, by the beginning of its names.
        shape: height and width that the network is given here, see `batches`.
        known: what earlier examinations found out for later ones, by name.
    """

    def __init__(
        self,
        config: Config,
        seed: int,
        num_workers: int,
        seconds: float,
        do_eval: bool = False,
    ) -> None:
        self.config, self.seed, self.num_workers = config, seed, num_workers
        self.seconds, self.do_eval = seconds, do_eval
        self.dataset, self.preprocess = config.dataset("train"), config.preprocess()
        config.count_iters(max(1, len(self.dataset) // config.batch_size))  # its rates need them
        self.num_classes, self.ignore_index = config.num_classes, config.ignore_index
        self.samples: List[Sample] = read_samples(
            self.dataset, self.preprocess, seed, 0.1 * seconds
        )
        self.known: Dict[str, Any] = {}
        self.criterion = config.criterion()
        paddle.seed(seed)
        model = config.model()
        self._frozen = Frozen(model, config.trainer.freeze)
        self.pretrained = config.pretrained_parts()
        batchnorm.measure_folded(model, config, self.dataset, seed)
        self._model = model
        self._start = {name: value.clone() for name, value in model.state_dict().items()}
        self.shape = self._affordable()

    def steps(self, what: str, most: int, share: float, least: int = 0) -> Iterator[int]:
        """Numbers from 0, ``most`` of them, or as many as fit into a share of the time; how far
        ``what`` has come is shown.
        """
        end = time.monotonic() + share * self.seconds
        with Progress(most, what, "steps") as progress:
            for number in range(most):
                if number >= least and time.monotonic() > end:
                    return
                yield number
                progress.update()

    def network(self) -> Any:
        """The network as training begins with it, in training mode; always the same object."""
        self._model.set_state_dict(self._start)
        self._model.clear_gradients()
        self._model.train()
        self._frozen.hold()
        paddle.seed(self.seed)
        return self._model

    def optimizer(self, rate: float) -> Any:
        """The configuration's optimizer of `network`, at a constant rate."""
        return self.config.optimizer(self._model, rate)

    def _affordable(self) -> Tuple[int, int]:
        """Training's height and width, on a CPU made smaller."""
        height, width = self.samples[0].target.shape
        if not paddle.device.get_device().startswith("cpu"):
            return height, width
        longest = max(height, width)
        try:
            seconds = self._seconds_of_a_step(_SIDES_ON_CPU[-1])
        except Exception:  # of anybody's network, which may take images of one size only
            return height, width
        for side in _SIDES_ON_CPU:
            if seconds * (side / _SIDES_ON_CPU[-1]) ** 2 < self.seconds / _STEPS_AT_LEAST:
                break
        if longest <= side:
            return height, width
        units = [max(1, round(s * side / longest / _UNIT)) for s in (height, width)]
        return units[0] * _UNIT, units[1] * _UNIT

    def _seconds_of_a_step(self, side: int) -> float:
        """What the gradients of a batch of squares take, the second time."""
        images = paddle.zeros([self.batch_size, self.config.in_channels, side, side])
        model, taken = self.network(), 0.0
        for _ in range(2):
            started = time.monotonic()
            heads = heads_of(model(images), images[:, 0])
            heads[0].astype("float32").sum().backward()
            taken = time.monotonic() - started
        return taken

    @property
    def batch_size(self) -> int:
        """Samples in a batch here."""
        return max(1, min(self.config.batch_size, _MOST_IN_A_BATCH, len(self.samples)))

    def inputs(self, sample: Sample) -> np.ndarray:
        """What training gives the network of a sample, float32 (C, H, W)."""
        return self.preprocess(sample.seen, resize=False)

    def batches(self) -> Iterator[Batch]:
        """Batches of training, augmented, at `shape`, without an end."""
        size, first, shape = self.batch_size, 0, self.shape
        while True:
            chosen = [self.samples[(first + k) % len(self.samples)] for k in range(size)]
            first += size
            yield self.batch([(self.inputs(s), s.target) for s in chosen], shape)

    def batch(
        self, pairs: Sequence[Tuple[np.ndarray, np.ndarray]], shape: Tuple[int, int]
    ) -> Batch:
        """Inputs (C, h, w) and labels (h, w) as a batch of another height and width."""
        inputs, labels = as_batch(pairs, shape)
        return inputs, labels.astype("int64") if self.num_classes > 1 else labels

    def heads(self, model: Any, batch: Batch) -> List[Any]:
        """What the loss is given of a batch."""
        return heads_of(model(batch[0]), batch[1])


def as_batch(pairs: Sequence[Tuple[np.ndarray, np.ndarray]], shape: Tuple[int, int]) -> Batch:
    """Inputs (C, h, w) and labels (h, w) as tensors of another size; labels keep their values."""
    inputs = np.stack([_resized(planes, shape) for planes, _ in pairs])
    size = (shape[1], shape[0])
    labels = [cv2.resize(label, size, interpolation=cv2.INTER_NEAREST) for _, label in pairs]
    return paddle.to_tensor(inputs), paddle.to_tensor(np.stack(labels))


def _resized(planes: np.ndarray, shape: Tuple[int, int]) -> np.ndarray:
    if planes.shape[1:] == shape:
        return planes
    size, how = (shape[1], shape[0]), cv2.INTER_AREA
    return np.stack([cv2.resize(plane, size, interpolation=how) for plane in planes])
