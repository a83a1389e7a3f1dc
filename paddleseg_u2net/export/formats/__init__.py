"""What models are exported as: each file writes one format."""

from importlib import import_module
from pkgutil import iter_modules

from paddleseg_u2net.export.formats.format import (
    FORMATS,
    AnyJob,
    Format,
    Job,
    precisions,
    register,
)

# They are listed in this order; a file that is added registers its format behind them.
_FIRST = ("paddle", "onnx", "openvino", "ncnn")
for _name in dict.fromkeys([*_FIRST, *(module.name for module in iter_modules(__path__))]):
    import_module(f"{__name__}.{_name}")

__all__ = ["FORMATS", "AnyJob", "Format", "Job", "precisions", "register"]
