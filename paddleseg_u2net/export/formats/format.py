"""Export formats by name: the files of each and what writes them; a file of this folder registers
one. A plugin does it in the same way: ``register(Format("mine", ...))``, and the backend that runs
it, whose ``times`` name the format.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional, Tuple, Union

from paddleseg_u2net import registry
from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.inference.description import Description, Shape
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_write import folded_weights, onnx_bytes

if TYPE_CHECKING:
    from paddleseg_u2net.export.layers import LayerJob
    from paddleseg_u2net.export.quantization.search import Found


class Job(NamedTuple):
    """What a format's writer is given of a U²-Net: weights by the names of ``Program.shapes``,
    their network, what the folder will say of itself, and the network of a lower precision that a
    search found. Of other networks it is a `LayerJob`, if the format says that it takes them.
    """

    state: State
    model: Architecture
    description: Description
    found: Optional[Found] = None

    @property
    def used(self) -> Dict[str, str]:
        """Versions of programs that were needed besides those of the format."""
        return {}

    @property
    def shape_to_fix(self) -> Optional[Shape]:
        """The shape that has yet to be written into what `onnx` returns."""
        return self.description.shape

    def onnx(self) -> bytes:
        """Return the network as an ONNX file with one output, ``d0``, probabilities."""
        if self.found is not None:
            return self.found.content
        model, source = self.model, f"--format {self.description.format}"
        what = (model.stages, model.num_classes, model.in_channels)
        return onnx_bytes(self.state, *what, sides=False, source=source)

    def write_paddle(self, folder: Path) -> None:
        """Write Paddle's program and its weights."""
        from paddleseg_u2net.export.paddle import write_paddle  # which loads Paddle

        made, program = self.description, self.model.program()
        weights = folded_weights(self.state, program, f"--format {made.format}")
        write_paddle(folder, weights, program, made.output, made.shape)


AnyJob = Union[Job, "LayerJob"]


@dataclass(frozen=True)
class Format:
    """A kind of files that a model is exported as.

    Args:
        name: as ``--format`` takes it.
        help: what it is for, for ``--help``.
        precisions: of ``--precision``; for those but fp32, fp16, int8 and bf16 ``write`` alone is
            responsible.
        files: names of the model's files, all alternatives that there are.
        write: writes them into a folder.
        versions: imports the packages that ``write`` needs and returns their versions; raises
            ValueError, which says what to install, if one is missing.
        no_argmax: why there are no class numbers in it, if there are none.
        any_network: whether ``write`` takes networks of any class: it asks the job only for
            ``description``, ``onnx()``, ``shape_to_fix`` and ``write_paddle()``. Otherwise it is
            for U²-Nets.
    """

    name: str
    help: str
    precisions: Tuple[str, ...]
    files: Tuple[Tuple[str, ...], ...]
    write: Callable[[Path, Any], None]
    versions: Callable[[], Dict[str, str]] = dict
    no_argmax: str = ""
    any_network: bool = False


FORMATS: Dict[str, Format] = registry.table("export formats")
"""By name."""


def register(format: Format) -> None:
    """Add a format; ValueError if its name is taken."""
    if format.name in FORMATS:
        raise ValueError(f"format {format.name}: the name is taken; give it another one")
    FORMATS[format.name] = format


def precisions() -> Tuple[str, ...]:
    """Return the precisions of all formats."""
    return tuple(dict.fromkeys(name for f in FORMATS.values() for name in f.precisions))
