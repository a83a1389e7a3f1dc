"""Weights from one file format to another, compared on both sides before the file appears."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture, build
from paddleseg_u2net.engine.runtimes import Runtime, ours, runtime_of
from paddleseg_u2net.files import atomic_path
from paddleseg_u2net.weights import WeightsError, fit_state, locate, restore_biases
from paddleseg_u2net.weights.biases import State
from paddleseg_u2net.weights.formats import (
    architecture_of,
    format_of,
    format_to_write,
    read_weights,
)

# Largest difference of probabilities that rounding in another order explains.
TOLERANCE = 1e-4
_SIZE = (96, 64)


class Comparison(NamedTuple):
    """The largest difference of the probabilities that two runtimes gave for the same input."""

    first: str
    second: str
    difference: float


class Conversion(NamedTuple):
    """What was converted, and how equal the two files are."""

    source: Path
    from_format: str
    to_format: str
    model: Architecture
    tensors: int
    comparisons: List[Comparison]


def convert(source: Union[str, Path], target: Union[str, Path]) -> Conversion:
    """Write the weights of ``source``, a file or a name of the zoo, in the format of ``target``.

    Numbers are float32 in the new file. It appears only if this project's model makes the same
    maps of it as the runtimes of both formats make of the two files, where those are installed.

    Raises:
        FileNotFoundError, ValueError: see ``read_weights`` and ``format_to_write``.
        WeightsError: the file's weights are not those of a U²-Net, or the maps differ.
        OSError: ``target`` cannot be written.
    """
    path, target = locate(source), Path(target)
    read_by, written_by = format_of(path), format_to_write(target)
    state = read_weights(path)
    model = architecture_of(state, str(path))
    complete = _checked(state, model, path)
    with atomic_path(target) as temporary:
        written_by.write(temporary, complete)
        again = read_weights(temporary)
        sides = [
            ours(temporary, again, model),
            runtime_of(read_by.name, path, complete, model),
            runtime_of(written_by.name, temporary, again, model),
        ]
        comparisons = _compare(sides, model.in_channels)
        for item in comparisons:
            if not item.difference <= TOLERANCE:
                raise WeightsError(
                    f"{target}: not written; for the same input {item.first} and {item.second} "
                    f"give probabilities that differ by {item.difference:.3g}, more than "
                    f"{TOLERANCE:g}; the file {path} is not what it looks like"
                )
    return Conversion(path, read_by.name, written_by.name, model, len(state), comparisons)


def _checked(state: State, model: Architecture, path: Path) -> State:
    """All weights of the published layout in float32, or an error that lists what does not fit."""
    program = build(model.stages, model.num_classes, model.in_channels)
    cancelled = {f"{conv.layer}.bias" for conv in program.convolutions if conv.normalised}
    shapes = {name: list(s) for name, s in program.shapes().items() if name not in cancelled}
    fit_state(state, shapes, str(path))
    complete = restore_biases({key: np.asarray(value, np.float32) for key, value in state.items()})
    return {name: complete[name] for name in program.shapes()}


def _compare(sides: List[Runtime], channels: int) -> List[Comparison]:
    """The first side against each of the others, on numbers like those of a normalised image."""
    found: List[Comparison] = []
    first = sides[0]
    for other in sides[1:]:
        if other.name == first.name or other.name in [item.second for item in found]:
            continue
        height, width = other.size or _SIZE
        drawn = np.random.default_rng(0).normal(size=(1, channels, height, width))
        images = drawn.astype(np.float32)
        difference = float(np.abs(first.run(images) - other.run(images)).max())
        found.append(Comparison(first.name, other.name, difference))
    return found
