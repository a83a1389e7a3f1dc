"""TensorBoard: event files in ``save_dir/tensorboard``, by its own package alone."""

from __future__ import annotations

import time
from typing import Any, Mapping

import numpy as np

from paddleseg_u2net.io.images import png_bytes
from paddleseg_u2net.training.loggers.run_logger import Run, RunLogger, register


@register("tensorboard")
class TensorBoard(RunLogger):
    """``tensorboard --logdir save_dir/tensorboard`` shows it, all starts as one run."""

    packages = ("tensorboard",)
    install = "pip install tensorboard"

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._writer = EventFileWriter(str(run.save_dir / "tensorboard"))
        if run.start:
            # what a run that was cut wrote after its checkpoint is forgotten
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._add(run.start + 1, session_log=start)
        else:
            self._describe(run)

    def _describe(self, run: Run) -> None:
        """The configuration as a text, and the settings for the table of hyper-parameters."""
        from tensorboard.plugins.hparams import summary_v2 as hparams
        from tensorboard.plugins.text.summary_v2 import text_pb

        indented = "".join(f"    {line}\n" for line in run.config.splitlines())  # code, in Markdown
        self._add(0, summary=text_pb("configuration", indented))
        names, metrics = [hparams.HParam(name) for name in run.settings], [hparams.Metric(run.best)]
        self._add(0, summary=hparams.hparams_config_pb(names, metrics))
        self._add(0, summary=hparams.hparams_pb(dict(run.settings)))

    def _add(self, iteration: int, **content: Any) -> None:
        self._writer.add_event(self._event(wall_time=time.time(), step=iteration, **content))

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Write numbers."""
        value = self._summary.Value
        found = [value(tag=name, simple_value=number) for name, number in values.items()]
        self._add(iteration, summary=self._summary(value=found))

    def picture(self, name: str, picture: np.ndarray, iteration: int) -> None:
        """Write a picture."""
        height, width = picture.shape[:2]
        image = self._summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=png_bytes(picture)
        )
        self._add(
            iteration, summary=self._summary(value=[self._summary.Value(tag=name, image=image)])
        )

    def close(self, failed: bool) -> None:
        """Close the file."""
        self._writer.close()
