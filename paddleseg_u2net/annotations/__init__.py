"""Label files of other tools: what they say about an image becomes a mask."""

from paddleseg_u2net.annotations.record import AnnotationError, Collection, MaskSource, Record

__all__ = ["AnnotationError", "Collection", "MaskSource", "Record"]
