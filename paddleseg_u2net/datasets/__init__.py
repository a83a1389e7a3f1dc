"""Pairs of image and mask, from list files or folders; a data set is a row in a table."""

from paddleseg_u2net.datasets.mask_encoding import MaskError
from paddleseg_u2net.datasets.pair_dataset import PairDataset
from paddleseg_u2net.datasets.pairing import Pair, PairingError
from paddleseg_u2net.datasets.table import TABLE, Row, RowError, find_row

__all__ = [
    "TABLE",
    "MaskError",
    "Pair",
    "PairDataset",
    "PairingError",
    "Row",
    "RowError",
    "find_row",
]
