"""Objects that training programs pickle beside the weights: read as their names, or as plain ones.

A file of weights often has its program's arguments in it. Nothing of these is wanted and nothing
of theirs is called; each known class stands for a function of this file.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List


class Setting:
    """An object that was passed over; it has nothing but the name of its class."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def _setting(kind: str) -> Callable[..., Setting]:
    def make(*arguments: Any) -> Setting:
        return Setting(kind)

    return make


def _dictionary(*arguments: Any) -> Dict[Any, Any]:
    """Its items follow."""
    return {}


def _list(*arguments: Any) -> List[Any]:
    """Its items follow, or are given as a list, as those of sets."""
    return arguments[0] if arguments and isinstance(arguments[0], list) else []


def _names(modules: str, classes: str) -> List[str]:
    return [f"{module}.{name}" for module in modules.split() for name in classes.split()]


_BUILTIN = "builtins __builtin__"  # Python 3's name, and Python 2's as protocol 2 writes it
_OBJECTS = [
    *_names("argparse", "Namespace"),
    *_names("types", "SimpleNamespace"),
    *_names("pathlib pathlib._local", "Path PosixPath WindowsPath"),
    *_names("pathlib pathlib._local", "PurePath PurePosixPath PureWindowsPath"),
    *_names("datetime", "datetime date time timedelta timezone"),
    *_names("uuid", "UUID"),
    *_names("decimal", "Decimal"),
    *_names("fractions", "Fraction"),
    *_names(_BUILTIN, "complex slice range xrange long bytearray object"),
    *_names(_BUILTIN, "bool int float str unicode bytes list tuple dict"),  # as types
    *_names("typing", "Any"),
    *_names("omegaconf.dictconfig", "DictConfig"),
    *_names("omegaconf.listconfig", "ListConfig"),
    *_names("omegaconf.base", "ContainerMetadata Metadata"),
    *_names("omegaconf.nodes", "AnyNode StringNode IntegerNode FloatNode BooleanNode PathNode"),
]
_DICTIONARIES = (
    "collections.defaultdict",
    "easydict.EasyDict",
    "addict.addict.Dict",
    "munch.Munch",
    "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode",
    "mmcv.utils.config.ConfigDict",
    "mmengine.config.config.ConfigDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
_LISTS = ["collections.deque", *_names(_BUILTIN, "set frozenset")]

SETTINGS: Dict[str, Callable[..., Any]] = {
    **{name: _setting(name) for name in _OBJECTS},
    **dict.fromkeys(_DICTIONARIES, _dictionary),
    **dict.fromkeys(_LISTS, _list),
}
