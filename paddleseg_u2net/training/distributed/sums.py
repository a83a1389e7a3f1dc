"""Scores of a data set that is shared out: the same digits whatever the number of processes."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

import numpy as np

from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.parallel import in_chunks

# Blocks of a large data set, or what travels would grow with it: some 10 kB for each.
_MOST_BLOCKS = 1000


def blocks_of(images: int, batch: int) -> List[Sequence[int]]:
    """The numbers of the images in blocks of whole batches, whose sums are added in their order."""
    batches = -(-images // (batch * _MOST_BLOCKS))
    return in_chunks(range(images), batch * max(1, batches))


class Sums:
    """A report's sums, those of floats for each block by itself."""

    def __init__(self) -> None:
        self._counts: Dict[str, np.ndarray] = {}
        self._floats: Dict[str, Dict[int, np.ndarray]] = {}

    def take(self, report: MetricReport, block: int) -> None:
        """Move what a report has seen, the images of one block, here."""
        for name, value in report.state().items():
            if value.dtype.kind == "f":
                self._floats.setdefault(name, {})[block] = value
            else:
                self._counts[name] = self._counts.get(name, 0) + value
        report.reset()

    def state(self) -> Dict[str, Any]:
        """What other processes need."""
        return {"counts": self._counts, "floats": self._floats}

    @staticmethod
    def added(report: MetricReport, states: Sequence[Dict[str, Any]]) -> MetricReport:
        """The report with the sums of all processes."""
        total = report.fresh()
        found = total.state()
        for state in states:
            for name, value in state["counts"].items():
                found[name] = found[name] + value
        for name in {name for state in states for name in state["floats"]}:
            blocks = {k: v for state in states for k, v in state["floats"].get(name, {}).items()}
            found[name] = np.sum([blocks[number] for number in sorted(blocks)], axis=0)
        total.load_state(found)
        return total
