"""Weights from one file format to another, compared on both sides before the file appears."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.export.runtimes import Runtime, RuntimeUnavailable, ours, runtime_of
from paddleseg_u2net.inference.backends import choose
from paddleseg_u2net.inference.backends.choice import is_installed
from paddleseg_u2net.inference.pipeline import activate
from paddleseg_u2net.inference.preprocess import IMAGENET_MEAN, IMAGENET_STD
from paddleseg_u2net.io.files import atomic_path, check_writable, write_text
from paddleseg_u2net.predictor.load import network_of_state
from paddleseg_u2net.predictor.source import (
    CONVERTED,
    Source,
    complete,
    converted_files,
    find_config,
    read_config,
    read_source,
)
from paddleseg_u2net.weights import WeightsError, fold_biases, format_to_write, locate, read_weights
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_write import write_onnx

# Below this probability a float32 says too little of its logit.
_SAFE = 1e-3
_DEFECT = "this is a defect of the program or of the disk: try again, and report it"


class Comparison(NamedTuple):
    """How far a file's fused map is from the one that this project makes of the source.

    ``difference``: the largest, in parts of the largest logit; None where there was nothing to
    compare, or nothing that has to agree, for the reason ``why``.
    """

    file: Path
    runtime: str
    difference: Optional[float]
    why: str = ""

    def __str__(self) -> str:
        if self.difference is None:
            return f"{self.file}: {self.why}"
        note = f"; {self.why}" if self.why else ""
        return (
            f"{self.file}: {self.runtime}: logits differ from this project's by "
            f"{self.difference:.2g} of the largest at most{note}"
        )


class Conversion(NamedTuple):
    """What was converted, and how equal the two files are."""

    source: Source
    to_format: str
    comparisons: List[Comparison]
    description: Path


def convert(
    source: Union[str, Path],
    target: Union[str, Path],
    config: Union[str, Path, None] = None,
) -> Conversion:
    """Write the weights of ``source`` in the format of ``target``; numbers become float32.

    The new file appears only if it holds the same numbers, and if this project's model makes the
    same map of it, and of the source, as the runtimes for which the two formats are made, where
    those are installed. They read the files by themselves. Beside it goes a ``.yaml`` with the
    model and the preprocessing of the source, which the other commands find.

    Args:
        source: a file of weights, a checkpoint's folder, or a name of the zoo.
        target: the new file; its suffix says the format.
        config: a configuration that names the model; see ``read_source``.

    Raises:
        FileNotFoundError, ValueError: see ``read_source`` and ``format_to_write``; or ``target``
            is ``source``.
        WeightsError: the file's weights are not those of its network, or the maps differ.
        OSError: ``target`` cannot be written.
    """
    target = Path(target)
    check_writable(target)
    written_by = format_to_write(target)
    path = locate(source)
    if target.exists() and path.exists() and target.samefile(path):
        raise ValueError(f"{target}: this is the input file itself; give the output another name")
    read = read_source(path, config)
    description = _description(read, target)
    state, model = complete(read), read.model
    with _on_cpu(), atomic_path(target) as temporary, _final_name(temporary, target):
        if written_by.name == "ONNX":  # dilations are in the file, but not in the weights
            write_onnx(temporary, state, model.stages, model.num_classes, model.in_channels)
        else:
            written_by.write(temporary, state)
        again = read_weights(temporary)
        if written_by.name != "ONNX":  # there BatchNorm is folded
            _refuse_changed(again, state, target)
        check = _Check(_reference(state, model), model.in_channels)
        comparisons = [
            check(path, lambda: runtime_of(read.format_name, path, model)),
            check(target, lambda: _reference(again, model, "read back"), new=True),
            check(target, lambda: runtime_of(written_by.name, temporary, model), new=True),
        ]
    write_text(target.with_suffix(".yaml"), description)
    return Conversion(read, written_by.name, comparisons, target.with_suffix(".yaml"))


def _description(read: Source, target: Path) -> str:
    """Model and preprocessing of the source, so that the new file is used as it was.

    Raises:
        FileExistsError: another text is where it has to be.
    """
    settings = read_config(find_config(read.path, read.config, read.model))
    place = target.with_suffix(".yaml")
    said, text = converted_files(place), settings.to_predict()
    if place.exists() and (
        not said or place.read_text(encoding="utf-8").partition("\n")[2].strip() != text.strip()
    ):
        raise FileExistsError(
            f"{place}: this file says otherwise than what goes beside {target.name}; move it away, "
            "or give the output another name"
        )
    return f"{CONVERTED}{', '.join(dict.fromkeys([*said, target.name]))}\n{text}"


def _reference(state: State, model: Architecture, name: str = "this project") -> Runtime:
    """This project's layers; where Paddle is not installed, the network on an engine."""
    if is_installed("paddle") and is_installed("paddleseg"):
        return ours(state, model, name)
    choice = choose(device="cpu")
    network = network_of_state(fold_biases(state), model, choice.backend)
    return Runtime(f"{name} on {choice.backend}", network)


def _refuse_changed(again: State, state: State, target: Path) -> None:
    for name in {**state, **again}:
        found, meant = (
            None if part is None else (part.dtype, part.shape, part.tobytes())
            for part in (again.get(name), state.get(name))
        )
        if found != meant:
            raise WeightsError(
                f"{target}: not written; read back, {name} is not what it should be; {_DEFECT}"
            )


@contextmanager
def _final_name(temporary: Path, target: Path) -> Iterator[None]:
    """Errors that name the file by which it would have got in the end."""
    try:
        yield
    except (ValueError, OSError) as error:
        if str(temporary) not in str(error):
            raise
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(str(error).replace(str(temporary), str(target))) from error


# -- how the sides are compared -----------------------------------------------------------------


@contextmanager
def _on_cpu() -> Iterator[None]:
    """Paddle, where it is, on the CPU, where float32 is not rounded to TF32."""
    if not is_installed("paddle"):
        yield
        return
    import paddle

    device = paddle.get_device()
    paddle.set_device("cpu")
    try:
        yield
    finally:
        paddle.set_device(device)


class _Check:
    """Compares runtimes with this project's model of the source."""

    def __init__(self, reference: Runtime, channels: int) -> None:
        self.channels = channels
        self.logits = lru_cache(maxsize=None)(lambda size: reference.run(self._images(size)))

    def __call__(self, file: Path, make: Callable[[], Runtime], new: bool = False) -> Comparison:
        """Of ``file``; ``new``: we wrote it, so that what is installed must run it.

        Raises:
            WeightsError: they differ by more than the runtime's tolerance.
        """
        try:
            side = make()
            found = side.run(self._images(side.size))
        except RuntimeUnavailable as error:
            if new and error.installed:
                raise WeightsError(f"{file}: not written; {error.runtime}: {error}") from error
            return _not_compared(file, error.runtime, str(error))
        logits = self.logits(side.size)
        if found.shape != logits.shape:
            why = f"its first output has the shape {found.shape}, not {logits.shape}"
            return _not_compared(file, side.name, why)
        if side.tolerance is None:
            return Comparison(file, side.name, None, _report(logits, found, side))
        difference = _difference(logits, found, side.probabilities)
        if not difference <= side.tolerance:  # NaN is no agreement
            blame = _DEFECT if new else "it is not what it looks like"
            raise WeightsError(
                f"{file}: not {'written' if new else 'converted'}; of the same picture, "
                f"{side.name} makes logits that differ from this project's by {difference:.3g} of "
                f"the largest, more than {side.tolerance:g}; {blame}"
            )
        return Comparison(file, side.name, difference, side.why)

    def _images(self, size: Tuple[int, int]) -> np.ndarray:
        return _picture(self.channels, *size)


def _not_compared(file: Path, runtime: str, why: str) -> Comparison:
    return Comparison(file, runtime, None, f"not compared with {runtime}, because {why}")


@lru_cache(maxsize=4)
def _picture(channels: int, height: int, width: int) -> np.ndarray:
    """A drawing as networks get to see it, float32 (1, channels, height, width).

    On noise, what a network makes of neighbouring pixels averages out.
    """
    drawn, _ = draw_pair(0, size=(max(height, 32), max(width, 32)))
    prepared = (drawn[:height, :width] / 255 - IMAGENET_MEAN) / IMAGENET_STD
    return np.stack([prepared[..., channel % 3] for channel in range(channels)])[None].astype(
        np.float32
    )


def _difference(logits: np.ndarray, found: np.ndarray, probabilities: bool) -> float:
    """The largest difference in parts of the largest logit.

    Probabilities are compared as they are, and by their logarithms where they are large enough:
    that is what is left of the logits.
    """
    largest = max(float(np.abs(logits).max()), 1e-6)
    if not probabilities:
        return float(np.abs(logits - found).max()) / largest
    meant = activate(logits)
    by_value = np.abs(meant - found).max()
    if meant.shape[1] == 1:  # one class as two: foreground and background
        meant, found = (np.concatenate([part, 1 - part], 1) for part in (meant, found))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_logarithm = np.abs(np.log(meant) - np.log(found))[meant > _SAFE].max(initial=0) / largest
    return float(np.maximum(by_value, by_logarithm))


def _report(logits: np.ndarray, found: np.ndarray, side: Runtime) -> str:
    """How far a side is that need not agree."""
    gap = np.abs(activate(logits) - (found if side.probabilities else activate(found)))
    return (
        f"{side.name}: probabilities differ from this project's by {gap.mean():.2g} on average, "
        f"{gap.max():.2g} at most; {side.why}"
    )
