"""From a picture to its probability map: numpy in, numpy out; neither paddle nor paddleseg."""

from paddleseg_u2net.inference.backends.backend import BackendError
from paddleseg_u2net.inference.pipeline import UPSAMPLINGS, Augment, Pipeline, Window, classes_of
from paddleseg_u2net.inference.preprocess import PRESETS, Preprocess

__all__ = [
    "PRESETS",
    "UPSAMPLINGS",
    "Augment",
    "BackendError",
    "Pipeline",
    "Preprocess",
    "Window",
    "classes_of",
]
