"""From a folder of images to a folder of pictures, at the full speed of the machine."""

from paddleseg_u2net.prediction.jobs import (
    ADDED,
    PICTURES,
    PSEUDO,
    SALIENCY,
    Job,
    collect,
    output_names,
)
from paddleseg_u2net.prediction.run import DiskError, Failure, predict_files

__all__ = [
    "ADDED",
    "PICTURES",
    "PSEUDO",
    "SALIENCY",
    "DiskError",
    "Failure",
    "Job",
    "collect",
    "output_names",
    "predict_files",
]
