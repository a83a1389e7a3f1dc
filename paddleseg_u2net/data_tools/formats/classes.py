"""Which classes of a source become which numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.formats.sample import AnnotationError

BACKGROUND = "background"
IGNORE = 255
_BACKGROUNDS = (BACKGROUND, "_background_", "__background__")
MOST_CLASSES = 254  # beside the background


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
        ignored: Names in the source whose area counts nowhere (255 in masks).
    """

    chosen: Optional[Mapping[str, Tuple[str, ...]]] = None
    ignored: Tuple[str, ...] = ()

    @property
    def asked(self) -> FrozenSet[str]:
        """The names in the source that are chosen or ignored."""
        chosen = (self.chosen or {}).values()
        return frozenset(self.ignored).union(*chosen)

    def numbers(
        self, found: Sequence[str], where: object
    ) -> Tuple[Tuple[str, ...], Dict[str, int], List[str]]:
        """Number the classes that a source has.

        Args:
            found: Names in the source; those of a background are number 0 unless chosen. Spaces
                around a name do not count, which people type without seeing them.
            where: The source, for messages.

        Returns:
            New names from the background on; source name -> number for each name that becomes
            something; remarks on those that do not.

        Raises:
            AnnotationError: a chosen name is not in the source or stands twice, a class has no
                name, or there are no classes or more than 254.
        """
        written, found = found, list(dict.fromkeys(name.strip() for name in found))
        if "" in found:
            raise AnnotationError(f"{where}: a class has no name; give it one there")
        background = {name: 0 for name in found if is_background(name)}
        ignored = dict.fromkeys((name.strip() for name in self.ignored), IGNORE)
        chosen: Dict[str, Tuple[str, ...]]
        if self.chosen is None:
            chosen = {n: (n,) for n in found if n not in ignored and n not in background}
        else:
            chosen = {new: tuple(n.strip() for n in names) for new, names in self.chosen.items()}
        asked = [name for names in chosen.values() for name in names] + list(ignored)
        missing = [name for name in asked if name not in found]
        if missing or len(set(asked)) < len(asked):
            wrong = f"has no class {missing[0]}" if missing else "was asked for a class twice"
            raise AnnotationError(
                f"{where}: {wrong}; its classes are {', '.join(found) or 'none'}; correct "
                "--classes or --ignore"
            )
        if not 1 <= len(chosen) <= MOST_CLASSES:
            raise AnnotationError(
                f"{where}: expected 1 to {MOST_CLASSES} classes beside the background, got "
                f"{len(chosen)}; choose some with --classes"
            )
        numbers = {**background, **ignored}
        for number, names in enumerate(chosen.values(), start=1):
            numbers.update(dict.fromkeys(names, number))
        left_out = [name for name in found if name not in numbers]
        remarks = [f"left out as background: {', '.join(left_out)}"] if left_out else []
        by_written = {n: numbers[n.strip()] for n in written if n.strip() in numbers}
        return (BACKGROUND, *chosen), by_written, remarks
