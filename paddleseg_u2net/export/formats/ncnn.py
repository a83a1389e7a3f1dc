"""ncnn's files."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Dict

from paddleseg_u2net.export.formats.format import Format, Job, register
from paddleseg_u2net.inference.backends.backend import engine_module


def _write(folder: Path, job: Job) -> None:
    from paddleseg_u2net.weights.ncnn_write import ncnn_files

    model = job.model
    what = (model.stages, model.num_classes, model.in_channels)
    param, weights = ncnn_files(job.state, *what, source="--format ncnn")
    (folder / "model.param").write_text(param, encoding="utf-8")
    (folder / "model.bin").write_bytes(weights)


def _versions() -> Dict[str, str]:
    engine_module("ncnn", "ncnn", "--format ncnn")
    return {"ncnn": importlib.metadata.version("ncnn")}


register(
    Format(
        "ncnn",
        "the fastest in fp32 on processors without instructions for 8 and 16 bits",
        precisions=("fp32",),
        files=(("model.bin", "model.param"),),
        write=_write,
        versions=_versions,
        no_argmax="ncnn's blobs hold no class numbers",
    )
)
