"""Several processes as one run: who talks to whom, and what they have in common."""

from paddleseg_u2net.training.distributed.circle import Lost
from paddleseg_u2net.training.distributed.processes import Distributed

__all__ = ["Distributed", "Lost"]
