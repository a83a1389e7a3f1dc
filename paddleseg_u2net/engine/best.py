"""The best score so far, and when to stop waiting for a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict

from paddleseg_u2net.metrics import HIGHER_IS_BETTER


@dataclass
class Best:
    """The best value of ``metric``, the iteration that had it, and evaluations since.

    Raises:
        ValueError: no such metric is reported.
    """

    metric: str = "mIoU"
    value: float = math.nan
    iteration: int = -1
    waited: int = 0

    def __post_init__(self) -> None:
        if self.metric not in HIGHER_IS_BETTER:
            raise ValueError(
                f"trainer.best_metric: expected one of {', '.join(HIGHER_IS_BETTER)}, "
                f"got {self.metric!r}"
            )

    def offer(self, scores: Dict[str, Any], iteration: int) -> bool:
        """Whether these scores are the best so far; they are remembered then."""
        value = float(scores[self.metric])
        sign = 1 if HIGHER_IS_BETTER[self.metric] else -1
        better = math.isnan(self.value) or sign * value > sign * self.value
        if better and not math.isnan(value):
            self.value, self.iteration, self.waited = value, iteration, 0
            return True
        self.waited += 1
        return False
