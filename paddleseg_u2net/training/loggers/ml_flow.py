"""MLflow: a run of an experiment where MLflow itself is told to keep them."""

from __future__ import annotations

import os
import time
from typing import Mapping

import numpy as np

from paddleseg_u2net.log import logger
from paddleseg_u2net.training.loggers.run_logger import Run, RunLogger, register

_EXPERIMENT = "paddleseg_u2net"
_AT_ONCE, _LONGEST = 100, 500  # parameters of a request, and letters of a value, that all take


@register("mlflow")
class MLflow(RunLogger):
    """``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME`` say where to; ``mlflow ui`` shows it.

    A run that is resumed in its folder is the same one there.
    """

    packages = ("mlflow",)
    install = "pip install mlflow"

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric, self._client = Metric, MlflowClient()
        try:
            self._id = run.remembered("mlflow") or ""
            if self._id:
                self._client.update_run(self._id, status="RUNNING")
            else:
                self._id = self._create(run)
                pairs = [Param(key, str(value)[:_LONGEST]) for key, value in run.settings.items()]
                for at in range(0, len(pairs), _AT_ONCE):
                    self._client.log_batch(self._id, params=pairs[at : at + _AT_ONCE])
            self._client.log_text(self._id, run.config, f"config_from_{run.start}.yaml")
        except Exception as error:  # of the network, the store or the database
            raise ValueError(f"--loggers mlflow: {error}; see MLFLOW_TRACKING_URI") from error
        logger.info(f"MLflow: run {self._id} at {self._client.tracking_uri}")

    def _create(self, run: Run) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        experiment = self._client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self._client.create_experiment(name)
        found = self._client.create_run(number, run_name=run.save_dir.resolve().name).info.run_id
        run.remember("mlflow", found)
        return found

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Write numbers, all in one request."""
        now = int(time.time() * 1000)
        found = [self._metric(name, value, now, iteration) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=found)

    def picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        """Write a picture as an artifact."""
        path = f"{name}/{iteration:08d}.png"
        self._client.log_image(self._id, picture, artifact_file=path)

    def close(self, failed: bool) -> None:
        """End the run."""
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")
