"""Paddle Inference's programs."""

from __future__ import annotations

from pathlib import Path

from paddleseg_u2net.export.formats.format import Format, Job, register
from paddleseg_u2net.weights.onnx_write import folded_weights


def _write(folder: Path, job: Job) -> None:
    from paddleseg_u2net.export.paddle import write_paddle  # which loads Paddle

    made, program = job.description, job.model.program()
    weights = folded_weights(job.state, program, "--format paddle")
    write_paddle(folder, weights, program, made.output, made.shape)


register(
    Format(
        "paddle",
        "Paddle Inference",
        precisions=("fp32",),
        # of Paddle 3 and of Paddle 2
        files=(("model.json", "model.pdiparams"), ("model.pdmodel", "model.pdiparams")),
        write=_write,
    )
)
