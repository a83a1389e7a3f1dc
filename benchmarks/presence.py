"""Whether there is an object at all: the presence score on photographs and on empty pictures.

    python benchmarks/presence.py [--rembg_python /tmp/rembg/bin/python] [--other FOLDER ...]
    python benchmarks/presence.py --fit     # prints the numbers of removal/presence.py

Objects: ecssd_300 and person_290 of ../shared, and each photograph once more with its object made
harder to find (`objects.py`). Nothing: up to two parts of each photograph beside its mask, and
drawings (`emptiness.py`). No photograph has a part in both halves: scores are of the held-out one.

Masks name what people looked at, not all that there is: parts beside them hold bins, lanterns,
other people. They count as empty all the same.

--rembg_python: rembg's own maps of the same empty pictures. --other: further weights or exported
folders of the same network, of which it is told how far their scores are from the first's.
"""

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterable, Iterator, NamedTuple, Sequence, Tuple, Union

import machine
import numpy as np
from emptiness import KINDS, beside, draw
from objects import SHARED, VARIANTS, photographs, read_pair
from rembg_process import Rembg

from paddleseg_u2net.inference import Pipeline
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal.presence import PRESENT, outline, presence

OBJECTS, HARDER, BESIDE, DRAWN = "photographs", "harder", "beside the mask", "drawn"
GROUPS = (OBJECTS, HARDER, BESIDE, DRAWN)
# Of all objects and all that is empty, half each; a harder photograph and a drawing count less.
_WEIGHTS = {OBJECTS: 1.0, HARDER: 0.5, BESIDE: 1.0, DRAWN: 0.5}
_EACH = 24  # drawings of a kind
_KEPT = 0.95
_LEAST = (0.1, 0.25, 0.5, 0.9)  # thresholds of the first table


class Case(NamedTuple):
    """A picture, which of `GROUPS` it is of, and what it is there."""

    group: str
    kind: str
    held_out: bool
    picture: np.ndarray


class Found(NamedTuple):
    """What is left of a case: the two terms of its map, and its presence."""

    group: str
    kind: str
    held_out: bool
    terms: Tuple[float, float]
    score: float


def cases(count: int, each: int, fit: bool = False) -> Iterator[Case]:
    """Of ``count`` photographs and ``each`` drawings of a kind the held-out half, or all."""
    yield from _drawn(each, fit)
    yield from _photographed(count, fit)


def _drawn(each: int, fit: bool) -> Iterator[Case]:
    for seed in range(each):
        held_out = bool(seed % 2)
        if fit or held_out:
            yield from (Case(DRAWN, name, held_out, draw(name, seed)) for name in KINDS)


def _photographed(count: int, fit: bool) -> Iterator[Case]:
    files = list(photographs())
    order = np.random.default_rng(5).permutation(len(files))[:count]
    half = len(order) // 2
    for place, number in enumerate(order):
        held_out = place >= half
        if not (fit or held_out):
            continue
        name, *pair = files[number]
        picture, mask = read_pair(*pair)
        yield Case(OBJECTS, name, held_out, picture)
        neighbour = order[place + 1 if place in (0, half) else place - 1]
        other, _ = read_pair(*files[neighbour][1:])
        kind = list(VARIANTS)[number % len(VARIANTS)]
        harder = VARIANTS[kind](picture, mask, np.random.default_rng([8, number]), other)
        yield Case(HARDER, kind, held_out, harder)
        for part in beside(picture, mask, np.random.default_rng([7, number]), 2):
            yield Case(BESIDE, name, held_out, part)


def mapped(pipeline: Pipeline, picture: np.ndarray) -> np.ndarray:
    """The map (K, h, w) of a picture, before it is stretched."""
    return pipeline.probabilities(pipeline.prepare(np.ascontiguousarray(picture))[None])[0]


def look(pipeline: Pipeline, case: Case) -> Found:
    probability = mapped(pipeline, case.picture)
    return Found(*case[:3], outline(probability), presence(probability))


def fitted(found: Sequence[Found]) -> np.ndarray:
    """Weights of both terms and the constant, by Newton's method: a logistic regression."""
    terms = np.array([(*one.terms, 1.0) for one in found])
    truth = np.array([shows(one) for one in found], float)
    sizes = {group: sum(one.group == group for one in found) for group in GROUPS}
    weights = np.array([_WEIGHTS[one.group] / sizes[one.group] for one in found])
    beta = np.zeros(3)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-terms @ beta))
        slope = terms.T @ (weights * (truth - chance))
        bend = (terms * (weights * chance * (1 - chance))[:, None]).T @ terms
        step = np.linalg.solve(bend, slope)
        beta += step
        if np.abs(step).max() < 1e-9:
            return beta
    raise SystemExit("the fit does not settle")


def shows(found: Union[Case, Found]) -> bool:
    """Whether there is an object."""
    return found.group in (OBJECTS, HARDER)


def auc(objects: np.ndarray, empty: np.ndarray) -> float:
    """The share of pairs of which the object has the higher score; of equal ones half."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(objects, empty).statistic) / (len(objects) * len(empty))


def report(found: Sequence[Found]) -> None:
    """Tables of the held-out half."""
    held = [one for one in found if one.held_out]
    scores = {
        group: np.array([one.score for one in held if one.group == group]) for group in GROUPS
    }
    objects, empty = scores[OBJECTS], np.concatenate([scores[BESIDE], scores[DRAWN]])
    fifth = float(np.sort(objects)[int((1 - _KEPT) * len(objects))])
    columns = {
        "photographs kept": objects,
        "made harder": scores[HARDER],
        "false alarms": empty,
        BESIDE: scores[BESIDE],
        DRAWN: scores[DRAWN],
    }
    print(f"\nheld out: {len(objects)} photographs, {len(empty)} empty pictures")
    print(f"{_KEPT:.0%} of the photographs are kept at {fifth:.3f}\n")
    print(f"| `--presence` | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for least in sorted((*_LEAST, fifth)):
        print(f"| {least:.2g} | {_shares(columns.values(), least)} |")
    areas = (f"{auc(objects, values):.4f}" for values in (empty, scores[BESIDE], scores[DRAWN]))
    print(f"| ROC AUC | | | {' | '.join(areas)} |")
    print(f"\n| with an object | pictures | kept at {fifth:.2g} | at {PRESENT} |\n|{' --- |' * 4}")
    for group in (OBJECTS, HARDER):
        for kind, values in _by_kind(held, group).items():
            shares = " | ".join(_shares([values], least) for least in (fifth, PRESENT))
            print(f"| {kind} | {len(values)} | {shares} |")
    loud = {
        kind: f"{int((values >= PRESENT).sum())} of {len(values)}"
        for kind, values in _by_kind(held, DRAWN).items()
        if (values >= PRESENT).any()
    }
    print(f"\ndrawn kinds with false alarms at {PRESENT}: {loud or 'none'}")


def _shares(scores: Iterable[np.ndarray], least: float) -> str:
    return " | ".join(f"{np.mean(values >= least):.1%}" for values in scores)


def _by_kind(found: Sequence[Found], group: str) -> Dict[str, np.ndarray]:
    kinds = sorted({one.kind for one in found if one.group == group})
    return {
        kind: np.array([one.score for one in found if (one.group, one.kind) == (group, kind)])
        for kind in kinds
    }


def show_rival(python: Path, weights: Path, empty: Iterable[np.ndarray]) -> None:
    """How often rembg's mask shows something where there is nothing, and over 1 % of the pixels."""
    if not python.is_file():
        print(f"\nrembg: left out, there is no {python}")
        return
    with tempfile.TemporaryDirectory() as work:
        rembg = Rembg(python, weights, Path(work))
        alarms = [(rembg(picture, {"only_mask": True})[0] > 127).mean() for picture in empty]
    some, more = (np.mean(np.array(alarms) > least) for least in (0, 0.01))
    print(f"\nrembg: something in {some:.1%} of {len(alarms)} of the empty pictures, more than 1 % "
          f"of the pixels in {more:.1%}")  # fmt: skip


def show_others(paths: Sequence[Path], first: Pipeline, some: Sequence[Case]) -> None:
    """How far the scores of other weights are from the first's."""
    own = np.array([look(first, case).score for case in some])
    print(f"\nscores of {len(some)} of the held-out pictures")
    for path in paths:
        model = load_model(path, threads=1)
        scores = np.array([look(model.pipeline, case).score for case in some])
        apart = np.abs(scores - own)
        turned = ((scores >= PRESENT) != (own >= PRESENT)).sum()
        print(f"{path.name} ({model.choice.backend}): {apart.mean():.4f} from the first's in the "
              f"mean, {apart.max():.3f} at most; {turned} decisions are others")  # fmt: skip


def _milliseconds(probability: np.ndarray) -> float:
    times = []
    for _ in range(50):
        started = time.process_time()
        presence(probability)
        times.append(time.process_time() - started)
    return 1000 * float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--fit", action="store_true", help="fit on the other half, and print the numbers")
    add("--weights", type=Path, default=SHARED / "weights" / "u2netp_rembg.onnx")
    add("--backend", default="auto")
    add("--count", type=int, default=590, help="photographs, both halves")
    add("--each", type=int, default=_EACH, help="drawings of a kind, both halves")
    add("--rembg_python", type=Path, default=Path("/nowhere"), help="Python with rembg[cpu]")
    add("--other", type=Path, nargs="*", default=[], help="weights or exported folders")
    add("--step", type=int, default=8, help="rembg and those see one of so many")
    arguments = parser.parse_args()
    print(machine.describe(), flush=True)
    model = load_model(arguments.weights, backend=arguments.backend, threads=1)
    print(model)
    size = arguments.count, arguments.each
    found = [look(model.pipeline, case) for case in cases(*size, arguments.fit)]
    probability = mapped(model.pipeline, draw("clouds", 0))
    print(f"presence of a map {probability.shape}: {_milliseconds(probability):.2f} ms of CPU time")
    report(found)
    if arguments.fit:
        numbers = fitted([one for one in found if not one.held_out])
        shown = ", ".join(f"{number:.{digits}f}" for number, digits in zip(numbers, (1, 2, 2)))
        print(f"\n_SHARPNESS, _LENGTH, _CONSTANT = {shown}")
    empty = (case.picture for case in cases(*size) if not shows(case))
    some = itertools.islice(empty, 0, None, arguments.step)
    show_rival(arguments.rembg_python, arguments.weights, some)
    if arguments.other:
        few = list(itertools.islice(cases(*size), 0, None, arguments.step))
        show_others(arguments.other, model.pipeline, few)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"Error: {error}")
