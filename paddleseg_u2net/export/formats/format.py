"""Export formats by name: the files of each and what writes them; a file of this folder registers
one. A plugin does it in the same way: ``register(Format("mine", ...))``, and the backend that runs
it, whose ``times`` name the format.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Optional, Tuple

from paddleseg_u2net import registry
from paddleseg_u2net.architecture import Architecture
from paddleseg_u2net.inference.description import Description
from paddleseg_u2net.weights.layout import State
from paddleseg_u2net.weights.onnx_write import onnx_bytes

if TYPE_CHECKING:
    from paddleseg_u2net.export.quantization.search import Found


class Job(NamedTuple):
    """What a format's writer is given: weights by the names of ``Program.shapes``, their network,
    what the folder will say of itself, and the network of a lower precision that a search found.
    """

    state: State
    model: Architecture
    description: Description
    found: Optional[Found] = None

    def onnx(self) -> bytes:
        """Return the network as an ONNX file with one output, ``d0``, probabilities."""
        if self.found is not None:
            return self.found.content
        model, source = self.model, f"--format {self.description.format}"
        what = (model.stages, model.num_classes, model.in_channels)
        return onnx_bytes(self.state, *what, sides=False, source=source)


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
    """

    name: str
    help: str
    precisions: Tuple[str, ...]
    files: Tuple[Tuple[str, ...], ...]
    write: Callable[[Path, Job], None]
    versions: Callable[[], Dict[str, str]] = dict
    no_argmax: str = ""


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
