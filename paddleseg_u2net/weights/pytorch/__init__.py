"""``.pth`` and ``.pt``: weights as ``torch.save`` writes them, read and written without PyTorch."""

from paddleseg_u2net.weights.pytorch.reading import read_torch
from paddleseg_u2net.weights.pytorch.writing import write_torch

__all__ = ["read_torch", "write_torch"]
