"""One process or several: what a run does differently when it is one of N."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import paddle


class Ranks:
    """This process among those that ``python -m paddle.distributed.launch`` started.

    With one process every method is a no-op.
    """

    def __init__(self) -> None:
        self.size = paddle.distributed.get_world_size()
        self.rank = paddle.distributed.get_rank()
        if self.size > 1:
            paddle.distributed.init_parallel_env()

    @property
    def is_first(self) -> bool:
        """Whether this process logs and saves."""
        return self.rank == 0

    def parallel(self, model: Any) -> Any:
        """``model``, with gradients averaged over the processes in its backward pass."""
        return paddle.DataParallel(model) if self.size > 1 else model

    def synchronise_batchnorm(self, model: Any) -> Any:
        """``model`` with BatchNorm statistics over all processes; on GPUs, where Paddle can."""
        if self.size > 1 and paddle.device.get_device().startswith("gpu"):
            return paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return model

    def gather(self, state: Dict[str, np.ndarray]) -> List[Dict[str, np.ndarray]]:
        """The states of all processes, in the order of their ranks."""
        if self.size == 1:
            return [state]
        gathered: List[Dict[str, np.ndarray]] = []
        paddle.distributed.all_gather_object(gathered, state)
        return gathered

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            paddle.distributed.barrier()
