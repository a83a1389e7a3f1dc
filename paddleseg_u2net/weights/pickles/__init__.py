"""Pickles read as data: an unpickler that calls nothing a file names, and what names stand for."""

from paddleseg_u2net.weights.pickles.objects import (
    ARRAYS,
    ForeignError,
    Setting,
    UnknownGlobalError,
)
from paddleseg_u2net.weights.pickles.unpickler import load_pickle, named_errors

__all__ = [
    "ARRAYS",
    "ForeignError",
    "Setting",
    "UnknownGlobalError",
    "load_pickle",
    "named_errors",
]
