"""Weights that a network, or a part of it, starts from: as many as fit, and which do not.

PaddleSeg's configurations name them by addresses, of archives with a ``model.pdparams`` inside.
What PaddleSeg has fetched already is used; else they are kept in ``pretrained`` below ``home()``.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any, Dict, List, Mapping, Union
from urllib.parse import unquote

import numpy as np

from paddleseg_u2net.io.archives import unpack
from paddleseg_u2net.io.download import fetch
from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_list
from paddleseg_u2net.weights.checkpoints import is_u2net
from paddleseg_u2net.weights.file_type import SUFFIXES
from paddleseg_u2net.weights.fit_state_dict import WeightsError, fit_state, tables_of
from paddleseg_u2net.weights.formats import read_weights
from paddleseg_u2net.weights.layout import State, fold_biases
from paddleseg_u2net.weights.zoo import home, locate

_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
_INSIDE = "model.pdparams"
_PREFIX = "backbone."  # of a whole network's weights, of which a backbone takes its own
_SHOWN = 4


def load_pretrained(layer: Any, source: Union[str, Path]) -> int:
    """Load what fits of a file's weights into ``layer``: those of its names and shapes. How many of
    how many, and which do not, is logged.

    Args:
        layer: a ``paddle.nn.Layer``: a network, or a part such as its backbone.
        source: an address, a file, or a name of ``ZOO``; archives hold a ``model.pdparams``, or one
            file of weights.

    Returns:
        The number of tensors that were loaded.

    Raises:
        WeightsError: none fits, or a value is not finite. DownloadError: no address gave the file.
        ValueError, FileNotFoundError: it cannot be read.
    """
    path = locate_pretrained(source)
    own = layer.state_dict()
    shapes = {name: list(value.shape) for name, value in own.items()}
    state = fold_biases(_read(path, plain=not is_u2net(own)))
    if not set(state) & set(shapes):
        inner = {name: value for name, value in state.items() if name.startswith(_PREFIX)}
        state = {name[len(_PREFIX) :]: value for name, value in inner.items()} or state
    _resize_positions(layer, state, shapes)
    fitting = [name for name in shapes if name in state and _shape(state[name]) == shapes[name]]
    what = type(layer).__name__
    if not fitting:
        raise WeightsError(
            f"{path}: none of its {len(state)} tensors fits {what}: it has {short_list(state)}, "
            f"{what} {short_list(shapes)}; name weights of this network, or null to start without"
        )
    fitted = fit_state(
        {name: state[name] for name in fitting},
        {name: shapes[name] for name in fitting},
        str(path),
        tables_of(own),
    )
    layer.set_state_dict(fitted)
    logger.info(f"{path}: {len(fitting)} of {what}'s {len(shapes)} tensors are loaded")
    other = [name for name in shapes if name in state and name not in fitting]
    for words, names in (
        ("of another shape in the file, so they start anew", other),
        ("not in the file, so they start anew", [name for name in shapes if name not in state]),
        (f"in the file, but not in {what}", [name for name in state if name not in shapes]),
    ):
        if names:
            logger.info(f"{len(names)} tensors are {words}: {short_list(names, _SHOWN)}")
    return len(fitting)


def _shape(value: Any) -> List[int]:
    return list(np.shape(value))


def locate_pretrained(source: Union[str, Path]) -> Path:
    """The file that ``source`` means: an address is fetched, once; else see ``locate``."""
    address = str(source)
    if "://" not in address:
        return locate(source)
    folder, _, name = unquote(address.partition("?")[0]).rpartition("/")
    for path in _of_paddleseg(folder, name):
        if path.is_file():
            return path
    key = f"{zlib.crc32(address.encode()):08x}"  # many of them are called model.pdparams
    return fetch([address], home() / "pretrained" / f"{key}-{name}")


def _of_paddleseg(folder: str, name: str) -> List[Path]:
    """Where PaddleSeg keeps what it has fetched."""
    kept = Path(os.environ.get("SEG_HOME") or "~/.paddleseg").expanduser() / "pretrained_model"
    if name.endswith(_ARCHIVES):
        return [kept / name.partition(".")[0] / _INSIDE]
    return [kept / folder.rpartition("/")[2] / name]


def _read(path: Path, plain: bool) -> State:
    if not path.name.endswith(_ARCHIVES):
        return read_weights(path, plain)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "unpacked"
        files = [unpacked / file for file in unpack(path, unpacked)]
        named = [file for file in files if file.name == _INSIDE]
        found = named or [file for file in files if file.suffix in SUFFIXES]
        if len(found) != 1:
            raise WeightsError(
                f"{path}: expected one {_INSIDE}, or one file of weights, in this archive, found "
                f"{short_list([file.name for file in found]) or 'none'}; unpack it and name the "
                "file"
            )
        try:
            return read_weights(found[0], plain)
        except ValueError as error:
            raise WeightsError(str(error).replace(str(unpacked), str(path))) from error


def _resize_positions(
    layer: Any, state: Dict[str, np.ndarray], shapes: Mapping[str, List[int]]
) -> None:
    """Bring a vision transformer's table of positions to the size that the layer has, as it does
    itself with images of another size than it was made for.
    """
    name = "pos_embed"
    table = state.get(name)
    if not hasattr(layer, "resize_pos_embed") or table is None or name not in shapes:
        return
    side = round(max(table.shape[1] - 1, 1) ** 0.5)
    if list(table.shape) == shapes[name] or table.shape[1:] != (side * side + 1, shapes[name][2]):
        return
    import paddle

    with paddle.no_grad():
        sizes = (side, side), (layer.pos_h, layer.pos_w)
        resized = layer.resize_pos_embed(paddle.to_tensor(table), *sizes)
    logger.info(f"{name} is resized from {side}x{side} to {layer.pos_h}x{layer.pos_w}")
    state[name] = resized.numpy()
