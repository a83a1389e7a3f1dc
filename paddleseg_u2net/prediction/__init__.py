"""From a folder of images to a folder of pictures, at the full speed of the machine."""

from paddleseg_u2net.prediction.jobs import (
    ADDED,
    CUTOUT,
    PICTURES,
    PSEUDO,
    SALIENCY,
    USUAL,
    Job,
    collect,
    output_names,
)
from paddleseg_u2net.prediction.run import DiskError, Failure, predict_files

__all__ = [
    "ADDED",
    "CUTOUT",
    "PICTURES",
    "PSEUDO",
    "SALIENCY",
    "USUAL",
    "DiskError",
    "Failure",
    "Job",
    "collect",
    "output_names",
    "predict_files",
]
