"""What runs a network: each file turns models into a `Network`, and one is chosen among them."""

from importlib import import_module
from pkgutil import iter_modules

from paddleseg_u2net.inference.backends.backend import (
    AUTO,
    BACKENDS,
    Backend,
    BackendError,
    EngineNetwork,
    LoadError,
    Model,
    register,
)
from paddleseg_u2net.inference.backends.choice import Choice, choose

# They are listed in this order; a file that is added registers its backend behind them.
_FIRST = ("paddle_layers", "paddle_inference", "onnx_runtime", "open_vino", "ncnn_network")
for _name in dict.fromkeys([*_FIRST, *(module.name for module in iter_modules(__path__))]):
    import_module(f"{__name__}.{_name}")

__all__ = [
    "AUTO",
    "BACKENDS",
    "Backend",
    "BackendError",
    "Choice",
    "EngineNetwork",
    "LoadError",
    "Model",
    "choose",
    "register",
]
