"""The table of examinations: each file of ``examinations`` registers one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, NamedTuple

from paddleseg_u2net import registry
from paddleseg_u2net.training.diagnosis.finding import Finding
from paddleseg_u2net.training.diagnosis.subject import Subject


@dataclass
class Result:
    """What an examination saw."""

    seen: str  # one sentence with the figures, for the report
    findings: List[Finding] = field(default_factory=list)
    measured: Dict[str, Any] = field(default_factory=dict)  # numbers for JSON
    pictures: Dict[str, bytes] = field(default_factory=dict)  # PNG files by their names


class Examination(NamedTuple):
    """One look at a set-up.

    Args:
        name: in JSON and in the log.
        looks_at: what it looks at, in words, for the report.
        place: they are made in the order of these numbers; later ones may build on what
            `Subject.known` says of earlier ones.
        run: makes it.
    """

    name: str
    looks_at: str
    place: int
    run: Callable[[Subject], Result]


EXAMINATIONS: Dict[str, Examination] = registry.table("examinations")


def register(examination: Examination) -> None:
    """Add an examination; ValueError if its name is taken."""
    if examination.name in EXAMINATIONS:
        raise ValueError(f"examination {examination.name}: the name is taken; give it another one")
    EXAMINATIONS[examination.name] = examination
