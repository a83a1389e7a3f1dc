"""VisualDL: ``save_dir/vdl/from_N``, a record for each start, since it shows one a folder."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from paddleseg_u2net.training.loggers.run_logger import Run, RunLogger, register


@register("visualdl")
class VisualDL(RunLogger):
    """``visualdl --logdir save_dir/vdl`` shows it."""

    packages = ("visualdl",)
    install = "pip install visualdl"

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        from visualdl import LogWriter

        self._writer = LogWriter(str(run.save_dir / "vdl" / f"from_{run.start}"))

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Write numbers."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)

    def picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        """Write a picture."""
        self._writer.add_image(name, picture, iteration)

    def close(self, failed: bool) -> None:
        """Close the file."""
        self._writer.close()
