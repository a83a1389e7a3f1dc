"""What a U²-Net is made of, without any framework: stages, operations, names and shapes."""

from paddleseg_u2net.architecture.program import Convolution, Operation, Program, build
from paddleseg_u2net.architecture.recognise import (
    Architecture,
    recognise,
    stage_levels,
    with_widths,
)
from paddleseg_u2net.architecture.stages import ALIASES, TABLES, U2NET, Stage, StageTable

__all__ = [
    "ALIASES",
    "TABLES",
    "U2NET",
    "Architecture",
    "Convolution",
    "Operation",
    "Program",
    "Stage",
    "StageTable",
    "build",
    "recognise",
    "stage_levels",
    "with_widths",
]
