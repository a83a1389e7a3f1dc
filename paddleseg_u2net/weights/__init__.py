"""Weights: files of them, and how they fit into a model."""

from paddleseg_u2net.weights.biases import fold_biases, published_count, restore_biases
from paddleseg_u2net.weights.fit import WeightsError, fit_state, load_weights
from paddleseg_u2net.weights.pdparams import read_pickle, write_pickle

__all__ = [
    "WeightsError",
    "fit_state",
    "fold_biases",
    "load_weights",
    "published_count",
    "read_pickle",
    "restore_biases",
    "write_pickle",
]
