"""Images that look nearly the same as groups, which a split keeps together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

from paddleseg_u2net.data_tools.annotations.sample import Sample
from paddleseg_u2net.data_tools.inspection.near_duplicates import similar
from paddleseg_u2net.data_tools.sample_writer import Written

_GROUP = "\0"  # before a group's name, as no image's name begins


def with_similar(
    samples: Sequence[Sample], written: Sequence[Written], bits: int
) -> Tuple[List[Sample], str]:
    """Put images that look alike into one group, with the groups that they are in already.

    Args:
        written: with fingerprints.
        bits: of 64 that the hashes of two of them may differ in, as in ``dataset check``.

    Returns:
        The samples, and a remark on how many look alike.
    """
    group_of = {sample.name: sample.group for sample in samples}
    found = [item for item in written if item.print is not None]
    parent: Dict[str, str] = {}

    def top(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((top(one), top(other)))
        parent[second] = first

    for item in found:
        if group_of[item.name]:
            join(item.name, f"{_GROUP}{group_of[item.name]}")
    alike = set()
    for first, second, _ in similar([item.print for item in found if item.print], [0], bits):
        join(found[first].name, found[second].name)
        alike |= {found[first].name, found[second].name}
    sizes = Counter(top(item.name) for item in found)
    groups = {item.name: _label(top(item.name)) for item in found if sizes[top(item.name)] > 1}
    named = [replace(sample, group=groups.get(sample.name, sample.group)) for sample in samples]
    largest = max(Counter(groups[name] for name in alike).values(), default=0)
    if not alike:
        return named, "no images look alike"
    return named, f"{len(alike)} images look like another and stay with it, {largest} at most"


def _label(top: str) -> str:
    return top[1:] if top.startswith(_GROUP) else f"of images like {top}"
