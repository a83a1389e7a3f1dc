"""From a picture to its probability map: numpy in, numpy out; neither paddle nor paddleseg."""

from paddleseg_u2net.inference.backends.network import BackendError
from paddleseg_u2net.inference.pipeline import UPSAMPLINGS, Augment, Pipeline, Window, classes_of
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.inference.presets import PRESETS

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
