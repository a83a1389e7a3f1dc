"""One process or several: what a run does differently when it is one of N."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from paddleseg_u2net.env import load_paddle, processes

_BARRIER = "paddleseg_u2net/barrier"
# Seconds by which others fail after the first: launch ends all when one has failed, and its exit
# code is the first one's.
_LATER = 5


class Distributed:
    """This process among those of ``paddle.distributed.launch``. With one process every method is a
    no-op, and Paddle is not loaded.
    """

    _barriers = 0  # of the process: there may be several of these objects

    def __init__(self) -> None:
        self.size = processes()
        self.rank = int(os.environ.get("PADDLE_TRAINER_ID", "0")) if self.size > 1 else 0
        if self.size > 1:
            load_paddle()
            import paddle

            self._paddle = paddle
            paddle.distributed.init_parallel_env()
            self._store = paddle.base.core.create_or_get_global_tcp_store()

    @property
    def is_first(self) -> bool:
        """Whether this process logs and saves."""
        return self.rank == 0

    def parallel(self, model: Any) -> Any:
        """``model``, with gradients averaged over the processes in its backward pass."""
        if self.size == 1:
            return model
        self._rendezvous()
        return self._paddle.DataParallel(model)

    def synchronise_batchnorm(self, model: Any) -> Any:
        """``model`` with BatchNorm statistics over all processes; on GPUs, where Paddle can."""
        if self.size > 1 and self._paddle.device.get_device().startswith("gpu"):
            return self._paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return model

    def gather(self, state: Dict[str, Any]) -> List[Dict[str, Any]]:
        """The states of all processes, in the order of their ranks."""
        if self.size == 1:
            return [state]
        self._rendezvous()
        gathered: List[Dict[str, Any]] = []
        self._paddle.distributed.all_gather_object(gathered, state)
        return gathered

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
        """Until all processes are here, however long that takes."""
        if self.size > 1:
            self._rendezvous()
            self._paddle.distributed.barrier()

    def _rendezvous(self) -> None:
        """Wait for all, however long: Gloo, which joins processes on a CPU, waits 30 s at most."""
        Distributed._barriers += 1
        here, pause = self._store.add(_BARRIER, 1), 0.001
        while here < Distributed._barriers * self.size:
            time.sleep(pause)
            here, pause = self._store.add(_BARRIER, 0), min(2 * pause, 0.1)
