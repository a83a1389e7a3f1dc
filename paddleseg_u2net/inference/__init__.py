"""From a picture to its probability map: numpy in, numpy out; neither paddle nor paddleseg."""

from paddleseg_u2net.inference.predictor import Augment, Predictor, Window, classes_of
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.inference.recipes import RECIPES

__all__ = ["RECIPES", "Augment", "Predictor", "Preprocess", "Window", "classes_of"]
