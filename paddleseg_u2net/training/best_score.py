"""The best score so far, and when to stop waiting for a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict

from paddleseg_u2net.metrics import SCORES


@dataclass
class BestScore:
    """The best value of ``metric``, a key of ``SCORES``, its iteration, and evaluations since."""

    metric: str = "mIoU"
    value: float = math.nan
    iteration: int = -1
    waited: int = 0

    def update(self, scores: Dict[str, Any], iteration: int) -> bool:
        """Whether these scores are the best so far; if so, they are kept."""
        value = float(scores[self.metric])
        sign = 1 if SCORES[self.metric].higher_is_better else -1
        better = math.isnan(self.value) or sign * value > sign * self.value
        if better and not math.isnan(value):
            self.value, self.iteration, self.waited = value, iteration, 0
            return True
        self.waited += 1
        return False
