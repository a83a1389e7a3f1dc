"""Weights: files of them, where published ones come from, and how they fit into a model."""

from paddleseg_u2net.weights.file_type import SUFFIXES
from paddleseg_u2net.weights.fit_state_dict import (
    WeightsError,
    fit_state,
    load_weights,
    tables_of,
)
from paddleseg_u2net.weights.formats import (
    FORMATS,
    architecture_of,
    format_of,
    format_to_write,
    read_weights,
    write_weights,
)
from paddleseg_u2net.weights.layout import fold_biases, restore_biases
from paddleseg_u2net.weights.pdparams import read_pickle, write_pickle
from paddleseg_u2net.weights.zoo import ZOO, locate

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "ZOO",
    "WeightsError",
    "architecture_of",
    "fit_state",
    "fold_biases",
    "format_of",
    "format_to_write",
    "load_weights",
    "locate",
    "read_pickle",
    "read_weights",
    "restore_biases",
    "tables_of",
    "write_pickle",
    "write_weights",
]
