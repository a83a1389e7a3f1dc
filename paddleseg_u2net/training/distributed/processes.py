"""One process or several: what a run does differently when it is one of N."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import socket
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

import numpy as np

from paddleseg_u2net.env import load_paddle, processes
from paddleseg_u2net.training.distributed.circle import Circle, Lost, meeting_point

# Seconds by which others fail after the first: launch ends all when one has failed, and its exit
# code is the first one's.
_LATER = 5
# Gradients that travel at once, in numbers; more only take more memory.
_MOST_NUMBERS = 1 << 23


class Distributed:
    """This process among those of ``paddle.distributed.launch``. With one process every method is a
    no-op, and Paddle is not loaded.
    """

    _of_process: Optional[Circle] = None  # there may be several of these objects

    def __init__(self) -> None:
        self.size = processes()
        self.rank = int(os.environ.get("PADDLE_TRAINER_ID", "0")) if self.size > 1 else 0
        if self.size > 1:
            load_paddle()
            import paddle

            self._paddle = paddle
            if Distributed._of_process is None:
                Distributed._of_process = Circle(self.rank, self.size, self._store())
            self._circle = Distributed._of_process

    def _store(self) -> Any:
        """Paddle's, to which all come. It aborts a process 0 whose port is taken."""
        address = meeting_point()
        try:
            if self.is_first:
                socket.create_server(("", int(address[1]))).close()
            with contextlib.redirect_stderr(io.StringIO()):  # it lists flags that nobody set
                self._paddle.distributed.init_parallel_env()
            return self._paddle.base.core.create_or_get_global_tcp_store()
        except (OSError, RuntimeError, ValueError) as error:
            raise Lost(
                f"process {self.rank} of {self.size} cannot meet the others at "
                f"{':'.join(address)}: {str(error).strip().splitlines()[0]}; see to it that this "
                "port is free where process 0 is, and can be reached by all"
            ) from error

    def __enter__(self) -> Distributed:
        """Until the block ends, be of those that all end if one of them does."""
        if self.size > 1:
            self._circle.beat()
        return self

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        if self.size == 1:
            return
        try:
            if error is None:
                self.wait()  # or the others would miss this one
            elif not self._circle.lost:
                self._circle.fail(f"has ended: {error or kind.__name__}")
            elif isinstance(error, Exception) and not isinstance(error, Lost):
                raise Lost(self._circle.lost) from error  # a network's pass has made another of it
        finally:
            self._circle.rest()

    @property
    def is_first(self) -> bool:
        """Whether this process logs and saves."""
        return self.rank == 0

    def start_equal(self, model: Any) -> None:
        """Give all processes the first one's weights, whatever a network draws them with."""
        if self.size == 1:
            return
        own = {name: value.numpy() for name, value in model.state_dict().items()}
        digest = hashlib.sha256(pickle.dumps(own)).hexdigest()
        if len({other["digest"] for other in self.gather({"digest": digest})}) > 1:
            model.set_state_dict(self.gather(own if self.is_first else {})[0])

    def synchronise_batchnorm(self, model: Any) -> Any:
        """``model`` with BatchNorms that normalise by the images of all processes."""
        if self.size == 1:
            return model
        if self._paddle.device.get_device().startswith("cpu"):
            from paddleseg_u2net.training.distributed.syncbatchnorm import synchronise

            synchronise(model, self.total)
            return model
        return self._paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)

    def average_gradients(self, parameters: Iterable[Any]) -> None:
        """Give all processes the mean of their gradients, where one is missing it counts as zeros.

        Not in the backward pass, as ``paddle.DataParallel`` does it: that knows no ``PyLayer``, no
        parameter without a gradient, and talks once for each batch that is accumulated.
        """
        if self.size == 1:
            return
        learning = [item for item in parameters if not item.stop_gradient]
        present = np.array([item.grad is not None for item in learning], np.float64)
        known = self.mean({"present": present})["present"] > 0
        for group in _groups([item for item, has in zip(learning, known) if has]):
            for item in group:
                if item.grad is None:
                    item.grad = self._paddle.zeros_like(item)
            flat = self._paddle.concat([_wide(item.grad).flatten() for item in group])
            with self._in_paddle():
                self._paddle.distributed.all_reduce(flat)
            parts = (flat / self.size).split([item.size for item in group])
            for item, part in zip(group, parts):
                item.grad.set_value(part.reshape(item.shape).astype(item.grad.dtype))

    def gather(self, state: Dict[str, Any]) -> List[Dict[str, Any]]:
        """The states of all processes, in the order of their ranks."""
        if self.size == 1:
            return [state]
        return [pickle.loads(other) for other in self._circle.exchange(pickle.dumps(state))]

    def mean(self, state: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """The mean over all processes of each array, in its dtype; the same bits on all of them."""
        if self.size == 1:
            return state
        every = self.gather(state)
        return {
            name: np.mean([other[name] for other in every], axis=0, dtype=np.float64).astype(
                value.dtype
            )
            for name, value in state.items()
        }

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes of a float64 array; the same bits on all of them."""
        if self.size == 1:
            return values
        every = self._circle.exchange(values.tobytes())
        return np.sum([np.frombuffer(other) for other in every], axis=0).reshape(values.shape)

    def first(self, work: Callable[[], Any]) -> None:
        """Let the first process do ``work`` while the others wait; if it fails, they fail too."""
        failure: Optional[Exception] = None
        if self.is_first:
            try:
                work()
            except (ValueError, OSError) as error:
                failure = error
        words = self.gather({"words": str(failure or "")})[0]["words"]
        if words and not failure:
            time.sleep(_LATER)
        if failure or words:
            raise failure or ValueError(words)

    def wait(self) -> None:
        """Until all processes are here, however long that takes: Gloo, which joins processes on a
        CPU, waits 30 s at most.
        """
        if self.size > 1:
            self._circle.exchange(b"")

    @contextlib.contextmanager
    def _in_paddle(self) -> Iterator[None]:
        """Around what Paddle's own library sends: an error of its says nothing of who is lost."""
        self.wait()
        try:
            yield
        except RuntimeError:
            self.wait()
            raise


def _wide(gradient: Any) -> Any:
    """Half precision as float32: sums of halves overflow, and Gloo does them wrongly."""
    return gradient.astype("float32") if gradient.element_size() < 4 else gradient


def _groups(parameters: List[Any]) -> Iterator[List[Any]]:
    """The parameters in their order, few enough together that their gradients travel at once."""
    group: List[Any] = []
    numbers = 0
    for item in parameters:
        if group and numbers + item.size > _MOST_NUMBERS:
            yield group
            group, numbers = [], 0
        group.append(item)
        numbers += item.size
    if group:
        yield group
