"""Label files of other tools: what they say about an image becomes a mask."""

from paddleseg_u2net.data_tools.formats.sample import (
    AnnotatedDataset,
    AnnotationError,
    MaskSource,
    Sample,
)

__all__ = ["AnnotatedDataset", "AnnotationError", "MaskSource", "Sample"]
