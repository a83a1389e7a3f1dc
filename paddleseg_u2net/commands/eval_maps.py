"""``tools/eval_maps.py``: folders of saliency maps in, every number of the field out."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from paddleseg_u2net.commands.parsing import Parser, file_of
from paddleseg_u2net.env import cores
from paddleseg_u2net.evaluation import page, pairing, pictures, tables
from paddleseg_u2net.evaluation.plan import Job, from_folders, from_yaml
from paddleseg_u2net.evaluation.results import Result, as_json, per_image_csv
from paddleseg_u2net.evaluation.run import Task, fixated_by_all, score
from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.io.yaml_text import YamlError, load_yaml
from paddleseg_u2net.metrics import (
    FAMILIES,
    PRESETS,
    SCORES,
    Conventions,
    Curves,
    MetricReport,
    make_conventions,
    resolve,
)
from paddleseg_u2net.parallel import MOST_WORKERS
from paddleseg_u2net.progress import Progress
from paddleseg_u2net.render import curves, mpl_style
from paddleseg_u2net.text import one_line, short_lines

_FILES = ("json", "csv", "per_image", "latex", "markdown", "html", "pr")
_ERRORS_SHOWN = 20  # of one method on one set
_OF_POINTS = ("AUC_Judd", "AUC_Borji", "sAUC", "NSS")
_OF_DENSITY = ("CC", "SIM", "KLD", "EMD")


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        "eval_maps",
        description="Score saliency maps of any method against masks, fixations or both.",
        epilog="scores: " + ", ".join(SCORES),
    )
    _add_input(result.add_argument_group("what to score"))
    _add_manner(result.add_argument_group("how"))
    _add_output(result.add_argument_group("what to write"))
    arguments = result.parse_args(argv)
    if arguments.workers < 0 or not 0 <= arguments.digits <= 12 or arguments.gallery < 1:
        result.error("--workers: expected 0 or more, --digits: 0 to 12, --gallery: 1 or more")
    limits = arguments.pr_limits or [0, 1, 0, 1]
    if not (0 <= limits[0] < limits[1] <= 1 and 0 <= limits[2] < limits[3] <= 1):
        result.error("--pr_limits: expected two pairs of rising numbers from 0 to 1")
    if arguments.pr_limits and not arguments.pr:
        result.error("--pr_limits: expected --pr beside it")
    if arguments.sigma is not None and not (0 < arguments.sigma < math.inf):
        result.error("--sigma: expected more than 0")
    truths = ("gt_dir", "points_dir", "density_dir")
    given = [name for name in truths if getattr(arguments, name)]
    others = ("pred_dir", "image_dir", "list", "map_suffix", "mask_suffix")
    also = [f"--{name}" for name in (*truths, *others) if getattr(arguments, name)]
    if arguments.config and also:
        result.error(f"{', '.join(also)}: with --config they stand in its file")
    if not arguments.config and not (arguments.pred_dir and given):
        result.error("expected --pred_dir and --gt_dir, --points_dir or --density_dir; or --config")
    return arguments


def _add_input(group: Any) -> None:
    add = group.add_argument
    several = {"nargs": "+", "action": "extend", "default": []}
    add("--pred_dir", **several, metavar="[METHOD=]DIR",
        help="maps; with several --gt_dir, the folder that has one of each set's name")  # fmt: skip
    add("--gt_dir", **several, metavar="[SET=]DIR", help="masks")
    add("--points_dir", type=Path, metavar="DIR",
        help="fixation points: pictures, .npy, .mat, or .csv with the columns x, y")  # fmt: skip
    add("--density_dir", type=Path, metavar="DIR", help="fixation densities: pictures or .npy")
    add("--image_dir", type=Path, metavar="DIR", help="photographs, for --html")
    add("--list", type=Path, metavar="FILE", help="names that count, one a line")
    add("--map_suffix", default="", metavar="END", help="end of the maps' names, such as _DSS")
    add("--mask_suffix", default="", metavar="END", help="end of the masks' names, such as _gt")
    add("--config", type=Path, metavar="YAML", help="methods and sets, instead of folders")


def _add_manner(group: Any) -> None:
    add = group.add_argument
    add("--metrics", nargs="+", action="extend", metavar="NAME",
        help=f"scores, families ({', '.join(FAMILIES)}) or all; default: segmentation, saliency, "
        "boundary where there are masks, fixation where there are fixations")  # fmt: skip
    add("--preset", choices=list(PRESETS), default="pysodmetrics",
        help="whose conventions; default: %(default)s")  # fmt: skip
    add("--conventions", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="change the preset, e.g. mask_above=127 stretch=none; keys: "
        + ", ".join(field.name for field in fields(Conventions)))  # fmt: skip
    add("--sigma", type=float, metavar="PIXELS", help="spread fixation points to a density")
    add("--workers", type=int, default=min(cores(), MOST_WORKERS), metavar="N",
        help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip
    add("--resize", action="store_true", help="resize maps to their mask's size, bilinear")
    add("--allow_missing", action="store_true", help="score the names that all folders have")
    add("--skip_bad", action="store_true", help="leave out images whose files cannot be used")


def _figure(text: str) -> Path:
    if not Path(text).suffix:
        raise argparse.ArgumentTypeError(f"expected a name that ends in .pdf or .png, got {text}")
    return file_of(".pdf", ".png")(text)


def _add_output(group: Any) -> None:
    add = group.add_argument
    add("--digits", type=int, default=3, metavar="N", help="behind the point, in tables")
    table = {"csv": (".csv", ".txt"), "md": (".md", ".markdown", ".txt"), "tex": (".tex", ".txt")}
    add("--json", type=file_of(".json"), metavar="FILE", help="everything, in full precision")
    add("--csv", type=file_of(*table["csv"]), metavar="FILE",
        help="the table, all scores in full precision")  # fmt: skip
    add("--per_image", type=file_of(*table["csv"]), metavar="FILE",
        help="CSV with a line for every image")  # fmt: skip
    add("--latex", type=file_of(*table["tex"]), metavar="FILE", help="the table, best marked")
    add("--markdown", type=file_of(*table["md"]), metavar="FILE", help="the table, best marked")
    add("--curves", type=Path, metavar="DIR", help="PR, F, E and ROC curves: PNG and PDF")
    add("--pr", type=_figure, metavar="FILE", help="curves of precision and recall alone, a "
        "diagram for each set; .pdf or .png")  # fmt: skip
    add("--pr_limits", type=float, nargs=4, metavar=("R0", "R1", "P0", "P1"),
        help="ends of its axes; default: recall from 0 to 1, precision from below the "
        "curves to 1")  # fmt: skip
    add("--html", type=file_of(".html", ".htm"), metavar="FILE",
        help="tables, curves, worst and best images")  # fmt: skip
    add("--gallery", type=int, default=5, metavar="N", help="worst and best images in --html")


def _need_packages(arguments: argparse.Namespace) -> None:
    """Raise ModuleNotFoundError at once for what is needed when all is scored."""
    if arguments.html or arguments.pr or arguments.curves:
        importlib.import_module("matplotlib")
    if arguments.html:
        importlib.import_module("jinja2")


def run(argv: List[str]) -> int:
    """Score; 0 if every map of every method could be scored, or what failed was to be skipped."""
    arguments = _arguments(argv)
    _need_packages(arguments)
    # Whatever can be known to be wrong is told before the work begins.
    chosen = make_conventions(arguments.preset, **_changes(arguments.conventions))
    jobs = _jobs(arguments)
    names = _names(arguments.metrics, jobs, arguments.sigma is not None)
    report = MetricReport(1, names=names, conventions=chosen)
    _check_outputs(arguments, report)
    pairings = [_paired(job, arguments.allow_missing) for job in jobs]
    for job, pairs in zip(jobs, pairings):
        _check_photographs(job, pairs)
    results = [_scored(job, pairs, report, arguments) for job, pairs in zip(jobs, pairings)]
    if not _acceptable(results, arguments.skip_bad):
        return 1
    try:
        # First, so that whoever reads only the head of the table has the files all the same.
        _write(results, pairings, arguments)
    finally:
        _show(results, arguments)
    for key in (*_FILES, "curves"):
        if getattr(arguments, key) is not None:
            print(f"wrote {getattr(arguments, key)}")
    return 0


def _changes(texts: List[str]) -> Dict[str, Any]:
    """Return the conventions of ``KEY=VALUE``, values as in YAML."""
    changes = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key == "preset":
            raise ValueError(
                f"--conventions: expected KEY=VALUE, got {text!r}"
                + ("; choose it with --preset" if key == "preset" else "")
            )
        try:
            changes[key] = load_yaml(value)
        except YamlError:
            changes[key] = value  # which is refused as what it is
    return changes


def _jobs(arguments: argparse.Namespace) -> List[Job]:
    if arguments.config:
        return from_yaml(arguments.config)
    return from_folders(
        arguments.pred_dir,
        arguments.gt_dir,
        arguments.map_suffix,
        mask_suffix=arguments.mask_suffix,
        points_dir=arguments.points_dir,
        density_dir=arguments.density_dir,
        image_dir=arguments.image_dir,
        list=arguments.list,
    )


def _names(metrics: Optional[List[str]], jobs: List[Job], spread: bool) -> List[str]:
    """Return the scores that were asked for and that every job has the ground truth for.

    Args:
        metrics: Scores, families and "all"; None takes whatever there is ground truth for.
        jobs: Methods and sets.
        spread: Whether densities are made of fixation points.

    Raises:
        ValueError: a score was named that needs another ground truth, or none is left.
    """
    truths = [set(job.truth.truths()) for job in jobs]
    kinds = set.intersection(*truths)
    possible = _possible(kinds, set.union(*truths), spread)
    if metrics is None:
        metrics = ["segmentation", "saliency", "boundary"] if "mask" in kinds else []
        metrics = metrics + (["fixation"] if kinds - {"mask"} else [])
    wanted = []
    for name in map(resolve, metrics):
        if name in FAMILIES or name == "all":
            group = [k for k, item in SCORES.items() if name in ("all", item.family)]
            wanted += [key for key in group if key in possible]
        elif name in possible:
            wanted.append(name)
        else:
            raise ValueError(f"--metrics {name}: {_what_it_needs(name, kinds)}")
    if not wanted:
        asked = f"--metrics {' '.join(metrics)}" if metrics else "no score fits all sets"
        raise ValueError(f"{asked}: {_what_it_needs(None, kinds)}")
    return wanted


def _possible(kinds: Set[str], of_any: Set[str], spread: bool) -> Set[str]:
    """Return the scores for which there is ground truth of these ``kinds``.

    Args:
        kinds: What every set has.
        of_any: What some set has.
        spread: As in `_names`.
    """
    possible = {key for key, item in SCORES.items() if "mask" in kinds or item.family == "fixation"}
    # Without any fixations the object is taken for them; not where one set has them and another
    # has not, since their numbers would be compared.
    if of_any == {"mask"}:
        return possible
    if "points" not in kinds:
        possible -= set(_OF_POINTS)
    if "density" not in kinds and not ("points" in kinds and spread):
        possible -= set(_OF_DENSITY)
    return possible


def _what_it_needs(name: Optional[str], kinds: Set[str]) -> str:
    needs = "--gt_dir, --points_dir or --density_dir"
    if name is not None:
        needs = "--gt_dir"
        if name in _OF_POINTS:
            needs = "--points_dir"
        elif name in _OF_DENSITY:
            needs = "--density_dir, or --points_dir and --sigma"
    got = ", ".join(sorted(kinds)) or "nothing"
    return f"expected {needs} for all sets, got ground truth of this kind for all: {got}"


def _check_outputs(arguments: argparse.Namespace, report: MetricReport) -> None:
    """Refuse outputs that could not be written after hours of work.

    Raises:
        ValueError: two have one path, or there are no curves to draw.
        OSError: there is a folder in the place of a file, a file in that of a folder, or no right
            to write.
    """
    seen: Dict[Path, str] = {}
    for key in (*_FILES, "curves"):
        path = getattr(arguments, key)
        if path is None:
            continue
        first = seen.setdefault(path.resolve(), key)
        if first != key:
            raise ValueError(f"{path}: --{first} and --{key} would both be written here")
        check_writable(path, folder=key == "curves", name=f"--{key} {path}")
    if arguments.pr is not None and "PR" not in report.curves():
        raise ValueError("--pr: none of the scores has this curve; add maxF")
    if arguments.curves is not None and not report.curves():
        raise ValueError("--curves: none of the scores has a curve; add maxF, maxE or AUC")


def _paired(job: Job, allow_missing: bool) -> pairing.Pairing:
    endings = {"map": job.map_suffix, "mask": job.truth.mask_suffix}
    return pairing.pair_all(job.map_dir, job.truth.truths(), endings, job.truth.list, allow_missing)


def _check_photographs(job: Job, pairs: pairing.Pairing) -> None:
    folder = job.truth.image_dir
    if folder is None:
        return
    photographs = pictures.photographs(folder)
    if not any(item.name in photographs for item in pairs.items):
        raise ValueError(
            f"{folder}: expected photographs named as the maps, such as {pairs.items[0].name}, got "
            f"{', '.join(sorted(photographs)[:3]) or 'none'}"
        )


def _scored(
    job: Job, pairs: pairing.Pairing, report: MetricReport, arguments: argparse.Namespace
) -> Result:
    keep_rows = arguments.per_image is not None or arguments.html is not None
    task = Task(report.fresh(), arguments.resize, arguments.sigma, keep_rows=keep_rows)
    if report.needs_other_images:
        with Progress(len(pairs.items), f"fixations of {job.dataset}") as progress:
            others = fixated_by_all(pairs.items, task, arguments.workers, progress.update)
        task = replace(task, others=others)
    with Progress(len(pairs.items), f"{job.method} on {job.dataset}") as progress:
        outcome = score(pairs.items, task, arguments.workers, progress.update)
    missing = sorted({name for names in pairs.left_out.values() for name in names})
    return Result(job, outcome, missing)


def _acceptable(results: List[Result], skip_bad: bool) -> bool:
    """Name the files that failed; whether the scores may be shown all the same."""
    failed = 0
    for result in results:
        errors, where = result.outcome.errors, f"{result.job.method} on {result.job.dataset}"
        failed += len(errors)
        for line in short_lines([message for _, message in errors], _ERRORS_SHOWN):
            print(f"{where}: {line}", file=sys.stderr)
    empty = [f"{r.job.method} on {r.job.dataset}" for r in results if not r.report.images]
    if not failed or (skip_bad and not empty):
        return True
    total = failed + sum(result.report.images for result in results)
    reason = "the scores of the others would not be those of the set; mend the files above, or "
    reason += "leave them out with --skip_bad"
    if empty:
        reason = f"nothing is left of {', '.join(empty)}; mend the files above"
    print(f"Error: {failed} of {total} maps could not be scored: {reason}", file=sys.stderr)
    return False


def _columns(
    results: List[Result], arguments: argparse.Namespace, usual: Sequence[str] = ()
) -> List[tables.Column]:
    """Return the columns of a table: what was asked for, else the ``usual`` ones or all."""
    return pictures.columns(results, arguments.digits, () if arguments.metrics else usual)


def _show(results: List[Result], arguments: argparse.Namespace) -> None:
    columns = _columns(results, arguments, pictures.TERMINAL)
    groups = pictures.groups(results)
    print(tables.table(groups, columns), end="")
    if any(len(rows) > 1 for _, rows in groups):
        print("* the best of its set, as the numbers are printed")
    more = len(results[0].report.scores) - len(columns)
    if more:
        print(f"{more} more scores: --metrics all shows them here; --html, --csv, --json have them")
    for line in _remarks(results):
        print(line)


def _remarks(results: List[Result]) -> List[str]:
    found: Conventions = results[0].report.conventions
    counts = ", ".join(
        f"{result.report.images} images of {result.job.dataset} by {result.job.method}"
        for result in results
    )
    about = [f"Conventions: {found.title} ({found.in_words()}).", f"Scored: {counts}."]
    return about + [remark + "." for result in results for remark in result.remarks()]


def _write(
    results: List[Result], pairings: List[pairing.Pairing], arguments: argparse.Namespace
) -> None:
    groups, paper = pictures.groups(results), _columns(results, arguments, pictures.PAPER)
    writers: Dict[str, Callable[[], str]] = {
        "json": lambda: json.dumps(as_json(results), indent=1, allow_nan=False) + "\n",
        "csv": lambda: tables.table(groups, _columns(results, arguments), "csv"),
        "per_image": lambda: per_image_csv(results),
        "latex": lambda: (
            tables.table(groups, paper, "latex")
            + "".join(f"% {one_line(line)}\n" for line in _remarks(results))
        ),
        "markdown": lambda: (
            tables.table(groups, paper, "markdown")
            + "".join(f"\n{one_line(line)}\n" for line in _remarks(results))
        ),
        "html": lambda: _page(results, pairings, arguments),
    }
    for key, text in writers.items():
        path = getattr(arguments, key)
        if path is not None:
            write_text(path, text())
    if arguments.pr is not None:
        limits = arguments.pr_limits and (
            tuple(arguments.pr_limits[:2]),
            tuple(arguments.pr_limits[2:]),
        )
        by_set = {name: _curves(own) for name, own in _by_set(results).items()}
        mpl_style.save(curves.draw(curves.precision_recall(by_set, *(limits or ()))), arguments.pr)
    if arguments.curves is not None:
        for name, own in _by_set(results).items():
            figure = curves.draw(curves.panels(_curves(own)))
            for suffix in (".png", ".pdf"):
                mpl_style.save(figure, arguments.curves / f"{name}{suffix}")


def _by_set(results: List[Result]) -> Dict[str, List[Result]]:
    found: Dict[str, List[Result]] = {}
    for result in results:
        found.setdefault(result.job.dataset, []).append(result)
    return found


def _curves(results: List[Result]) -> Dict[str, Curves]:
    return {result.job.method: result.report.curves() for result in results}


def _definitions(results: List[Result]) -> str:
    scores = results[0].report.scores
    return "; ".join(f"{score.key}: {score.meaning}" for score in scores) + "."


def _page(
    results: List[Result], pairings: List[pairing.Pairing], arguments: argparse.Namespace
) -> str:
    figures = []
    for name, own in _by_set(results).items():
        panels = curves.panels(_curves(own))
        if panels:
            png = mpl_style.as_png(curves.draw(panels), 150)
            figures.append(page.Figure(f"Curves on {name}", png))
    return page.page(
        "Scores of saliency maps",
        pictures.groups(results),
        _columns(results, arguments),
        compared=_columns(results, arguments, pictures.PAPER),
        figures=figures,
        galleries=pictures.galleries(
            results, [pairs.items for pairs in pairings], arguments.gallery
        ),
        notes=[*_remarks(results), _definitions(results)],
    )
