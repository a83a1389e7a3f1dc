"""Which classes of a source become which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.formats.sample import AnnotationError

BACKGROUND = "background"
IGNORE = 255
MOST_CLASSES = 254  # beside the background
_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")


def is_background(name: str) -> bool:
    """Whether a name in a source means the background."""
    return name.strip().lower() in _BACKGROUNDS


@dataclass(frozen=True)
class Classes:
    """A choice of classes.

    Attributes:
        chosen: New name -> names in the source that become it, the first new name number 1 and so
            on. None: every class of the source under its own name, in the source's order, but for
            its background.
        ignored: Names in the source whose area is ignored (255 in masks).
    """

    chosen: Optional[Mapping[str, Tuple[str, ...]]] = None
    ignored: Tuple[str, ...] = ()

    @property
    def asked(self) -> FrozenSet[str]:
        """The names in the source that are chosen or ignored."""
        return frozenset(self.ignored).union(*(self.chosen or {}).values())

    def numbers(
        self, found: Sequence[str], where: object
    ) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
        """Number the classes that a source has.

        Args:
            found: Names in the source; those of a background are number 0 unless chosen. Spaces
                around a name are ignored.
            where: The source, for messages.

        Returns:
            New names from the background on; source name -> number for each name that becomes
            something; remarks on those that do not.

        Raises:
            AnnotationError: a chosen name is not in the source or was given twice, a class has no
                name, or there are no classes or more than 254.
        """
        names = list(dict.fromkeys(name.strip() for name in found))
        if "" in names:
            raise AnnotationError(f"{where}: a class has no name; give it one there")
        numbers = {name: 0 for name in names if is_background(name)}
        ignored = [name.strip() for name in self.ignored]
        if self.chosen is None:
            chosen = {n: [n] for n in names if n not in ignored and n not in numbers}
        else:
            chosen = {new: [n.strip() for n in old] for new, old in self.chosen.items()}
        asked = [*sum(chosen.values(), []), *dict.fromkeys(ignored)]
        missing = [name for name in asked if name not in names]
        if missing or len(set(asked)) < len(asked):
            wrong = f"has no class {missing[0]}" if missing else "was asked for a class twice"
            raise AnnotationError(
                f"{where}: {wrong}; its classes are {', '.join(names) or 'none'}; correct "
                "--classes or --ignore"
            )
        if not 1 <= len(chosen) <= MOST_CLASSES:
            raise AnnotationError(
                f"{where}: expected 1 to {MOST_CLASSES} classes beside the background, got "
                f"{len(chosen)}; choose some with --classes"
            )
        numbers.update(dict.fromkeys(ignored, IGNORE))
        for number, old in enumerate(chosen.values(), start=1):
            numbers.update(dict.fromkeys(old, number))
        left_out = [name for name in names if name not in numbers]
        remarks = [f"left out as background: {', '.join(left_out)}"] if left_out else []
        by_name = {name: numbers[name.strip()] for name in found if name.strip() in numbers}
        return (BACKGROUND, *chosen), by_name, remarks
