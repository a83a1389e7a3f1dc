"""The table of all scores: the file of each metric registers the numbers that it computes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Type, TypeVar

from paddleseg_u2net import registry
from paddleseg_u2net.metrics.metric import Metric

FAMILIES = ("segmentation", "saliency", "boundary", "fixation", "matting", "video")
NEEDS = ("mask", "points", "density", "images")
DEFAULT = ("segmentation", "saliency")  # where nothing else is asked for
_NOT_IN_ALL = ("video",)  # which only frames in their order have

SCORES: dict[str, Score] = registry.table("scores")  # by key, in the order of reports

_M = TypeVar("_M", bound=Type[Metric])


@dataclass(frozen=True)
class Score:
    """One number of a report."""

    key: str  # its name in results, configurations and tables
    family: str  # one of `FAMILIES`
    meaning: str  # its definition in a few words
    detail: str = ""  # what the documentation says beside it
    source: str = ""  # of the definition: authors and year, or a toolbox
    attribute: str = ""  # which one of what the metric computes; "" where that is the number
    higher_is_better: bool = True
    classes: bool = False  # whether it is defined for three classes and more
    needs: str = "mask"  # or "points" or "density" of fixations, or "images"
    also_called: tuple[str, ...] = ()  # small letters, no signs; of several scores: ambiguous
    metric: type[Metric] = Metric  # type: ignore[type-abstract]  # `register` sets this and
    order: int = 0  # the place in the family


def register(*scores: Score, order: int = 100, **conventions: str) -> Callable[[_M], _M]:
    """Return a decorator of a `Metric` class that adds its scores to `SCORES`.

    Several scores may be computed by one metric, which then sees every image once. A file outside
    of the package does the same, see docs/metrics.md.

    Args:
        scores: In the order of reports.
        order: Place in the family; behind all others, as they come, by default.
        conventions: Arguments of the class, each with the one of `Conventions` that it follows.

    Raises:
        ValueError: a key or the class's name is taken, or a family or need is not known.
    """

    def add(metric: _M) -> _M:
        for score in scores:
            _check(score, metric)
            SCORES[score.key] = replace(score, metric=metric, order=order)
        metric.conventions = conventions
        ordered = sorted(SCORES.values(), key=lambda s: (FAMILIES.index(s.family), s.order))
        SCORES.clear()
        SCORES.update((score.key, score) for score in ordered)
        return metric

    return add


def _check(score: Score, metric: type[Metric]) -> None:
    for name, known in (("family", FAMILIES), ("needs", NEEDS)):
        if getattr(score, name) not in known:
            raise ValueError(
                f"score {score.key}: expected {name} to be one of {', '.join(known)}, "
                f"got {getattr(score, name)!r}"
            )
    names = {plain(name): name for name in (*SCORES, *FAMILIES, "all")}
    taken = names.get(plain(score.key))
    if taken:
        whose = f"a score of {SCORES[taken].metric.__module__}" if taken in SCORES else "a family"
        raise ValueError(f"score {score.key}: {taken} is {whose} already; choose another name")
    for other in SCORES.values():
        if other.metric is not metric and other.metric.__name__ == metric.__name__:
            raise ValueError(
                f"score {score.key}: its metric {metric.__name__} has the name of a class of "
                f"{other.metric.__module__}; choose another name"
            )


def chosen(names: Iterable[str], num_classes: int = 1) -> tuple[Score, ...]:
    """Return the scores of keys, of families and of "all", in the order of the table.

    A family, or "all", stands for those of its scores that ``num_classes`` has.
    """
    names = [resolve(name) for name in names]
    there_are = {key: s for key, s in SCORES.items() if num_classes <= 2 or s.classes}
    for name in names:
        if name in SCORES and name not in there_are:
            raise ValueError(
                f"{name}: this score is for one or two classes; with {num_classes} there are "
                f"{', '.join(there_are)}"
            )
    keys = {score.key for name in names for score in members(name)} & there_are.keys()
    if not keys:
        raise ValueError(
            f"expected scores for {num_classes} classes, got {', '.join(names) or 'none'}; take "
            "segmentation"
        )
    return tuple(score for key, score in there_are.items() if key in keys)


def members(name: str) -> list[Score]:
    """Return the scores of a family or of "all", or the one of a key, by its exact name.

    "all" is all scores of single images; those of videos are asked for by name.
    """
    return [
        s
        for s in SCORES.values()
        if name in (s.family, s.key) or (name == "all" and s.family not in _NOT_IN_ALL)
    ]


_GREEK = str.maketrans({"\u03b1": "alpha", "\u03b2": "beta", "\u03be": "xi"})


def plain(name: str) -> str:
    """Return a name in small letters without signs."""
    return re.sub("[^a-z0-9]", "", name.lower().translate(_GREEK))


_SYNONYMS = ("adaptive", "adp"), ("average", "mean"), ("avg", "mean"), ("structure", "s")
_QUALIFIER = "(max|mean|adp|w)?"
_MEASURE = re.compile(f"{_QUALIFIER}([efs])m?{_QUALIFIER}")


def _as_spelt_here(name: str) -> str:
    """Return a plain name of F, E or S as its key is spelt: "fbetamax" and "maxfm" are "maxf"."""
    for other, ours in _SYNONYMS:
        name = name.replace(other, ours)
    name = re.sub("alpha|beta|xi|measure|score", "", name.replace("weighted", "w"))
    found = _MEASURE.fullmatch(name)
    return f"{found[1] or found[3] or ''}{found[2]}" if found else name


def resolve(name: object) -> str:
    """Return the key of a score, a family or "all", by its name in any case or another toolbox.

    ValueError: there is no such score, or the name may be any one of several.
    """
    known = [*SCORES, *FAMILIES, "all"]
    if name in known:
        return str(name)
    asked = plain(str(name))
    meant = {plain(each): [each] for each in known}
    for score in SCORES.values():
        for other in score.also_called:
            meant.setdefault(other, []).append(score.key)
    spelt = _as_spelt_here(asked)
    found = meant.get(asked) or meant.get(spelt, [])
    if not found and spelt in ("e", "f"):  # which of several
        found = [key for key in SCORES if re.match(f"(max|mean|adp|w){spelt.upper()}", key)]
    if len(found) == 1:
        return found[0]
    if found:
        meanings = (f"{key} ({SCORES[key].meaning})" for key in found)
        raise ValueError(f"{name!r} may be any one of these scores: {', '.join(meanings)}")
    near = difflib.get_close_matches(asked, [other for other in meant if len(meant[other]) == 1], 1)
    hint = f"did you mean {meant[near[0]][0]}? " if near else ""
    raise ValueError(f"there is no score {name!r}; {hint}There are {', '.join(known)}")


HEAD = "| name | family | definition | source |\n| --- | --- | --- | --- |\n"


def table() -> str:
    """Return all scores as the Markdown table of docs/metrics.md."""
    lines = [HEAD]
    for score in SCORES.values():
        better = "" if score.higher_is_better else ", lower is better"
        definition = "; ".join(filter(None, (score.meaning + better, score.detail)))
        lines.append(f"| `{score.key}` | {score.family} | {definition} | {score.source} |\n")
    return "".join(lines)
