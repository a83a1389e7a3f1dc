"""Whether a file is one of weights, told before it is read; packages that only some files need."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Union

from paddleseg_u2net.io.file_types import read_file_type
from paddleseg_u2net.io.files import what_is

SUFFIXES = (".pth", ".pt", ".pdparams", ".safetensors", ".onnx")
_TYPES = ("zip", "pickle", "safetensors", "onnx")


def check_file(path: Union[str, Path]) -> Path:
    """``path``, unless it is empty, a pointer of git-lfs, a web page or of another known type."""
    path = Path(path)
    wanted = f"{path}: expected a file of weights ({', '.join(SUFFIXES)})"
    if not path.is_file():
        raise FileNotFoundError(f"{wanted}, found {what_is(path)}")
    found = read_file_type(path)
    if found is not None and found.name not in _TYPES:
        repair = found.repair or "give a file of the expected kind, or convert this one"
        raise ValueError(f"{wanted}, found {found.words}; {repair}")
    return path


def optional_package(source: Union[str, Path], name: str) -> Any:
    """The module ``name`` of a package that only some files need."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ValueError(
            f"{source}: this needs the package {package}, which cannot be imported ({error}): "
            f"pip install {package}"
        ) from error
