"""From a picture to its probability map: numpy in, numpy out; neither paddle nor paddleseg."""

from paddleseg_u2net.inference.network import BackendError
from paddleseg_u2net.inference.predictor import UPSAMPLINGS, Augment, Pipeline, Window, classes_of
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.inference.recipes import RECIPES

__all__ = [
    "RECIPES",
    "UPSAMPLINGS",
    "Augment",
    "BackendError",
    "Pipeline",
    "Preprocess",
    "Window",
    "classes_of",
]
