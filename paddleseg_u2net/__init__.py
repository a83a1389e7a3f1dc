"""U²-Net and U²-NetP for PaddleSeg: train, validate and predict from a YAML file.

Importing this package is light: neither paddle nor paddleseg is loaded. `Predictor` is the library
call for prediction, `remove` and `new_session` those for pictures without their background,
`load_model` the one below them, that the commands use; they are loaded when they are first used.
``import paddleseg_u2net.components`` registers the models, the loss, the data sets and the
transforms with PaddleSeg's component manager.
"""

from __future__ import annotations

# Paddle 2.6.2's shared library exports its own copy of zlib's symbols. Where Python's zlib module
# is loaded after it, both mix and the process dies in `inflateReset2`; loaded before, they do not.
import zlib

from paddleseg_u2net._version import __version__

TYPE_CHECKING = False  # for checkers it is true; importing typing takes longer than all else here
if TYPE_CHECKING:
    from typing import Any

    from paddleseg_u2net.predictor.load import load_model
    from paddleseg_u2net.predictor.predictor import Predictor
    from paddleseg_u2net.predictor.remove import new_session, remove

__all__ = ["Predictor", "__version__", "load_model", "new_session", "remove"]
# Where each is, by its name.
_ROOMS = {
    "Predictor": "predictor.predictor",
    "load_model": "predictor.load",
    "new_session": "predictor.remove",
    "remove": "predictor.remove",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
