"""Millions of pictures on many machines, from object stores and back, by Ray."""

from paddleseg_u2net.prediction.cluster.manifest import read_manifest

__all__ = ["read_manifest"]
