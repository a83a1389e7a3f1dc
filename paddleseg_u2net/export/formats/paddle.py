"""Paddle Inference's programs."""

from __future__ import annotations

from pathlib import Path

from paddleseg_u2net.export.formats.format import AnyJob, Format, register


def _write(folder: Path, job: AnyJob) -> None:
    job.write_paddle(folder)


register(
    Format(
        "paddle",
        "Paddle Inference",
        precisions=("fp32",),
        # of Paddle 3 and of Paddle 2
        files=(("model.json", "model.pdiparams"), ("model.pdmodel", "model.pdiparams")),
        write=_write,
        any_network=True,
    )
)
