"""``tools/eval_maps.py``: folders of saliency maps in, every number of the field out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import yaml
from tqdm import tqdm

from paddleseg_u2net.files import write_text
from paddleseg_u2net.metrics import FAMILIES, PRESETS, SCORES, MetricReport
from paddleseg_u2net.metrics.conventions import Conventions, conventions
from paddleseg_u2net.render import curves, page, tables
from paddleseg_u2net.render.panels import panels as make_panels
from paddleseg_u2net.scoring import pairing, pictures
from paddleseg_u2net.scoring.plan import Job, from_folders, from_yaml
from paddleseg_u2net.scoring.results import Result, as_json, per_image_csv
from paddleseg_u2net.scoring.run import Task, fixated_by_all, score

_OF_POINTS = ("AUC_Judd", "AUC_Borji", "sAUC", "NSS")
_OF_DENSITY = ("CC", "SIM", "KLD", "EMD")


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = argparse.ArgumentParser(
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
    if arguments.sigma is not None and not arguments.sigma > 0:
        result.error("--sigma: expected more than 0")
    truths = ("gt_dir", "points_dir", "density_dir")
    given = [name for name in truths if getattr(arguments, name)]
    if arguments.config and (arguments.pred_dir or given):
        result.error("--config names the folders; give it alone, or --pred_dir and --gt_dir")
    if not arguments.config and not (arguments.pred_dir and given):
        result.error("expected --pred_dir and --gt_dir, --points_dir or --density_dir; or --config")
    return arguments


def _add_input(group: Any) -> None:
    add = group.add_argument
    add("--pred_dir", nargs="+", default=[], metavar="[METHOD=]DIR",
        help="maps; with several sets each has a folder of the set's name")  # fmt: skip
    add("--gt_dir", nargs="+", default=[], metavar="[SET=]DIR", help="masks")
    add("--points_dir", type=Path, metavar="DIR", help="fixation points")
    add("--density_dir", type=Path, metavar="DIR", help="fixation densities")
    add("--image_dir", type=Path, metavar="DIR", help="photographs, for --html")
    add("--list", type=Path, metavar="FILE", help="names that count, one a line")
    add("--map_suffix", default="", metavar="END", help="end of the maps' names, such as _DSS")
    add("--mask_suffix", default="", metavar="END", help="end of the masks' names, such as _gt")
    add("--config", type=Path, metavar="YAML", help="methods and sets, instead of folders")


def _add_manner(group: Any) -> None:
    add = group.add_argument
    add("--metrics", nargs="+", metavar="NAME",
        help=f"scores, families ({', '.join(FAMILIES)}) or all; default: segmentation, saliency, "
        "boundary where there are masks, fixation where there are fixations")  # fmt: skip
    add("--preset", choices=list(PRESETS), default="pysodmetrics", help="whose conventions")
    add("--conventions", nargs="+", default=[], metavar="KEY=VALUE",
        help="change the preset, e.g. mask_above=127 stretch=none")  # fmt: skip
    add("--sigma", type=float, help="pixels; spreads fixation points to a density")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes; 0: none")
    add("--resize", action="store_true", help="resize maps that are not of their mask's size")
    add("--allow_missing", action="store_true", help="score the names that all folders have")
    add("--skip_bad", action="store_true", help="score without the files that cannot be used")


def _add_output(group: Any) -> None:
    add = group.add_argument
    add("--digits", type=int, default=3, help="behind the point, in tables")
    add("--json", type=Path, metavar="FILE", help="everything, in full precision")
    add("--csv", type=Path, metavar="FILE", help="the table, in full precision")
    add("--per_image", type=Path, metavar="FILE", help="CSV with a line for every image")
    add("--latex", type=Path, metavar="FILE", help="the table, best marked")
    add("--markdown", type=Path, metavar="FILE", help="the table, best marked")
    add("--curves", type=Path, metavar="DIR", help="PR, F, E and ROC curves: PNG and PDF")
    add("--html", type=Path, metavar="FILE", help="table, curves, worst and best images")
    add("--gallery", type=int, default=5, metavar="N", help="worst and best images in --html")


def run(argv: List[str]) -> int:
    """Score; 0 if every map of every method could be scored, or what failed was to be skipped."""
    arguments = _arguments(argv)
    chosen = conventions(arguments.preset, **_changes(arguments.conventions))
    if arguments.config:
        jobs = from_yaml(arguments.config)
    else:
        others = {key: getattr(arguments, key) for key in ("points_dir", "density_dir")}
        others.update(image_dir=arguments.image_dir, list=arguments.list)
        jobs = from_folders(
            arguments.pred_dir,
            arguments.gt_dir,
            arguments.map_suffix,
            mask_suffix=arguments.mask_suffix,
            **others,
        )
    # All folders are looked at before the work begins.
    names = _names(arguments, jobs)
    report = MetricReport(1, names=names, conventions=chosen)
    pairings = [_paired(job, arguments.allow_missing) for job in jobs]
    results = [_scored(job, pairs, report, arguments) for job, pairs in zip(jobs, pairings)]
    if not _acceptable(results, arguments.skip_bad):
        return 1
    _show(results, arguments)
    _write(results, pairings, arguments)
    return 0


def _changes(texts: List[str]) -> Dict[str, Any]:
    changes = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--conventions: expected KEY=VALUE, got {text!r}")
        changes[key] = yaml.safe_load(value)
    return changes


def _names(arguments: argparse.Namespace, jobs: List[Job]) -> List[str]:
    """Return the scores that every job has the ground truth for.

    Raises:
        ValueError: a score was named that needs another ground truth.
    """
    kinds = set.intersection(*(set(job.truth.truths()) for job in jobs))
    fixations = kinds & {"points", "density"}
    possible = set(SCORES)
    if "mask" not in kinds:
        possible -= {key for key, item in SCORES.items() if item.family != "fixation"}
    if fixations and "points" not in kinds:
        possible -= set(_OF_POINTS)
    if fixations and "density" not in kinds and arguments.sigma is None:
        possible -= set(_OF_DENSITY)
    families = ["segmentation", "saliency", "boundary"] if "mask" in kinds else []
    families += ["fixation"] if fixations else []
    wanted = []
    for name in arguments.metrics or families:
        if name in FAMILIES or name == "all":
            group = [k for k, item in SCORES.items() if name in ("all", item.family)]
            wanted += [key for key in group if key in possible]
        elif name in SCORES and name not in possible:
            raise ValueError(
                f"--metrics {name}: it needs other ground truth than {', '.join(sorted(kinds))}; "
                "give --gt_dir, --points_dir, or --density_dir or --sigma"
            )
        else:
            wanted.append(name)
    if not wanted:
        raise ValueError(
            f"--metrics {' '.join(arguments.metrics)}: needs other ground truth than "
            f"{', '.join(sorted(kinds))}; give --gt_dir, --points_dir or --density_dir"
        )
    return wanted


def _paired(job: Job, allow_missing: bool) -> pairing.Pairing:
    endings = {"map": job.map_suffix, "mask": job.truth.mask_suffix}
    return pairing.pair_all(job.map_dir, job.truth.truths(), endings, job.truth.list, allow_missing)


def _scored(
    job: Job, pairs: pairing.Pairing, report: MetricReport, arguments: argparse.Namespace
) -> Result:
    task = Task(report.fresh(), arguments.resize, arguments.sigma)
    if report.needs_other_images:
        others = fixated_by_all(pairs.items, task, arguments.workers)
        task = Task(task.report, task.resize, task.sigma, others)
    with tqdm(
        total=len(pairs.items),
        desc=f"{job.method} on {job.dataset}",
        unit="image",
        leave=False,
        disable=None,
    ) as bar:
        outcome = score(pairs.items, task, arguments.workers, bar.update)
    missing = sorted({name for names in pairs.left_out.values() for name in names})
    return Result(job, outcome, missing)


def _acceptable(results: List[Result], skip_bad: bool) -> bool:
    """Name the files that failed; whether the scores may be shown all the same."""
    errors = [(result, error) for result in results for error in result.outcome.errors]
    for result, (_, message) in errors:
        print(f"{result.job.method} on {result.job.dataset}: {message}", file=sys.stderr)
    empty = [result for result in results if not result.outcome.rows]
    if not errors:
        return True
    if skip_bad and not empty:
        return True
    total = sum(len(result.outcome.rows) + len(result.outcome.errors) for result in results)
    repair = "mend the files above, or leave them out with --skip_bad"
    if empty:
        repair = "none is left of " + ", ".join(f"{r.job.method} on {r.job.dataset}" for r in empty)
    print(
        f"Error: {len(errors)} of {total} maps could not be scored, and scores of the others would "
        f"not be those of the set; {repair}",
        file=sys.stderr,
    )
    return False


def _show(results: List[Result], arguments: argparse.Namespace) -> None:
    columns = pictures.columns(results, arguments.digits)
    print(tables.table(pictures.groups(results), columns), end="")
    for line in _remarks(results):
        print(line)


def _remarks(results: List[Result]) -> List[str]:
    found: Conventions = results[0].report.conventions
    counts = ", ".join(
        f"{len(result.outcome.rows)} images of {result.job.dataset} by {result.job.method}"
        for result in results
    )
    about = [f"Conventions: {found.preset} ({found.in_words()}).", f"Scored: {counts}."]
    return about + [remark + "." for result in results for remark in result.remarks()]


def _write(
    results: List[Result], pairings: List[pairing.Pairing], arguments: argparse.Namespace
) -> None:
    columns, groups = pictures.columns(results, arguments.digits), pictures.groups(results)
    texts: List[Tuple[Any, Any]] = [
        (arguments.json, lambda: json.dumps(as_json(results), indent=1) + "\n"),
        (arguments.csv, lambda: tables.table(groups, columns, "csv")),
        (arguments.per_image, lambda: per_image_csv(results)),
        (arguments.latex, lambda: tables.table(groups, columns, "latex")),
        (arguments.markdown, lambda: tables.table(groups, columns, "markdown")),
        (arguments.html, lambda: _page(results, pairings, arguments)),
    ]
    for path, text in texts:
        if path is not None:
            write_text(path, text())
            print(f"wrote {path}")
    if arguments.curves is not None:
        for name, own in _by_set(results).items():
            figure = curves.draw(_panels(own))
            for suffix in (".png", ".pdf"):
                curves.save(figure, arguments.curves / f"{name}{suffix}")
                print(f"wrote {arguments.curves / name}{suffix}")


def _by_set(results: List[Result]) -> Dict[str, List[Result]]:
    found: Dict[str, List[Result]] = {}
    for result in results:
        found.setdefault(result.job.dataset, []).append(result)
    return found


def _panels(results: List[Result]) -> List[curves.Panel]:
    return make_panels({result.job.method: result.report.curves() for result in results})


def _page(
    results: List[Result], pairings: List[pairing.Pairing], arguments: argparse.Namespace
) -> str:
    figures = []
    for name, own in _by_set(results).items():
        panels = _panels(own)
        if panels:
            png = curves.as_png(curves.draw(panels), 150)
            figures.append(page.Figure(f"Curves on {name}", png))
    return page.page(
        "Scores of saliency maps",
        pictures.groups(results),
        pictures.columns(results, arguments.digits),
        figures=figures,
        galleries=pictures.galleries(
            results, [pairs.items for pairs in pairings], arguments.gallery
        ),
        notes=_remarks(results),
    )
