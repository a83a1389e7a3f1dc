"""Weights & Biases: a run of a project, on its server or, offline, in ``save_dir/wandb``."""

from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np

from paddleseg_u2net.training.loggers.run_logger import Run, RunLogger, register

_AXIS = "iteration"


@register("wandb")
class WeightsAndBiases(RunLogger):
    """``WANDB_PROJECT``, ``WANDB_MODE=offline`` and its other variables hold.

    A run that is resumed in its folder is the same one there.
    """

    packages = ("wandb",)
    install = "pip install wandb"

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        import wandb

        self._picture = wandb.Image
        earlier = run.remembered("wandb")
        try:
            self._run: Any = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "paddleseg_u2net"),
                name=os.environ.get("WANDB_NAME", run.save_dir.resolve().name),
                dir=str(run.save_dir),
                config=dict(run.settings),
                id=earlier,
                resume="allow" if earlier else None,
                allow_val_change=True,
            )
        except Exception as error:  # no key, no network, ...
            raise ValueError(
                f"--loggers wandb: {str(error).rstrip('.')}; run `wandb login`, or set "
                "WANDB_MODE=offline"
            ) from error
        run.remember("wandb", self._run.id)
        # Its own steps must not fall, and a resumed run goes back to its checkpoint.
        self._run.define_metric(_AXIS)
        self._run.define_metric("*", step_metric=_AXIS)

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Write numbers."""
        self._run.log({**values, _AXIS: iteration})

    def picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        """Write a picture."""
        self._run.log({name: self._picture(picture), _AXIS: iteration})

    def close(self, failed: bool) -> None:
        """End the run."""
        self._run.finish(exit_code=int(failed))
