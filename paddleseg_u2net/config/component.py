"""Components of PaddleSeg's managers, built; and what their errors say."""

from __future__ import annotations

import inspect
from typing import Any, Dict

from paddleseg.cvlibs import SegBuilder
from paddleseg.cvlibs import manager as managers

from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.registry import custom


def dataset_classes() -> Dict[str, Any]:
    """Classes of data sets by name: PairDataset and the plugins' that are derived from it."""
    found = custom(managers.DATASETS).items()
    derived = {n: c for n, c in found if inspect.isclass(c) and issubclass(c, PairDataset)}
    return {"PairDataset": PairDataset, **derived}


def build(arguments: Tree) -> Any:
    """PaddleSeg's builder, with its wrapper around errors taken off."""
    try:
        return SegBuilder(None).build_component(arguments)
    except RuntimeError as error:
        raise _cause(error) from None


def _cause(error: BaseException) -> BaseException:
    """What PaddleSeg has wrapped into ``error``."""
    while isinstance(error, RuntimeError) and error.__context__ is not None:
        error = error.__context__
    return error


def said(error: BaseException) -> str:
    """What an error of Paddle's or PaddleSeg's says, on one line."""
    error = _cause(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
