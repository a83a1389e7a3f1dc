"""``tools/eval_maps.py``: folders of saliency maps in, every number of the field out."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, List

from paddleseg_u2net.commands.arguments import add_plugins
from paddleseg_u2net.commands.parsing import Parser, at_least, file_of
from paddleseg_u2net.env import cores
from paddleseg_u2net.evaluation.evaluate import Outputs, evaluate
from paddleseg_u2net.evaluation.plan import from_folders, from_yaml
from paddleseg_u2net.io.yaml_text import YamlError, load_yaml
from paddleseg_u2net.metrics import FAMILIES, PRESETS, SCORES, Conventions, make_conventions
from paddleseg_u2net.parallel import MOST_WORKERS

_OUTPUTS = ("json", "csv", "per_image", "latex", "markdown", "html", "pr", "curves")


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
    limits = arguments.pr_limits or [0, 1, 0, 1]
    if not (0 <= limits[0] < limits[1] <= 1 and 0 <= limits[2] < limits[3] <= 1):
        result.error("--pr_limits: expected two pairs of rising numbers from 0 to 1")
    if arguments.pr_limits and not arguments.pr:
        result.error("--pr_limits: expected --pr beside it")
    if arguments.sigma is not None and not (0 < arguments.sigma < math.inf):
        result.error("--sigma: expected more than 0")
    truths = ("gt_dir", "points_dir", "density_dir")
    given = [name for name in (*truths, "image_dir") if getattr(arguments, name)]
    others = ("pred_dir", "image_dir", "list", "map_suffix", "mask_suffix")
    also = [f"--{name}" for name in (*truths, *others) if getattr(arguments, name)]
    if arguments.config and also:
        result.error(f"{', '.join(also)}: with --config they stand in its file")
    if not arguments.config and not (arguments.pred_dir and given):
        result.error(
            "expected --pred_dir and --gt_dir, --points_dir or --density_dir (--image_dir will do "
            "for the warp error of videos); or --config"
        )
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
    add("--image_dir", type=Path, metavar="DIR",
        help="photographs, for --html and the warp error of videos")  # fmt: skip
    add("--list", type=Path, metavar="FILE", help="names that count, one a line")
    add("--map_suffix", default="", metavar="END", help="end of the maps' names, such as _DSS")
    add("--mask_suffix", default="", metavar="END", help="end of the masks' names, such as _gt")
    add("--config", type=Path, metavar="YAML", help="methods and sets, instead of folders")


def _add_manner(group: Any) -> None:
    add = group.add_argument
    add("--metrics", nargs="+", action="extend", metavar="NAME",
        help=f"scores, families ({', '.join(FAMILIES)}) or all, which is those of single images; "
        "default: segmentation, saliency, boundary where there are masks, fixation where there are "
        "fixations")  # fmt: skip
    add_plugins(group)
    add("--preset", choices=list(PRESETS), default="pysodmetrics",
        help="whose conventions; default: %(default)s")  # fmt: skip
    add("--conventions", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="change the preset, e.g. mask_above=127 stretch=none; keys: "
        + ", ".join(field.name for field in fields(Conventions)))  # fmt: skip
    add("--sigma", type=float, metavar="PIXELS", help="spread fixation points to a density")
    add("--workers", type=at_least(0), default=min(cores(), MOST_WORKERS), metavar="N",
        help="processes; 0: none beside this one; default: %(default)s")  # fmt: skip
    add("--resize", action="store_true", help="resize maps to their mask's size, bilinear")
    add("--allow_missing", action="store_true", help="score the names that all folders have")
    add("--skip_bad", action="store_true", help="leave out images whose files cannot be used")


def _add_output(group: Any) -> None:
    add = group.add_argument
    add("--digits", type=int, choices=range(13), default=3, metavar="N",
        help="behind the point, in tables")  # fmt: skip
    table = {"csv": (".csv", ".txt"), "md": (".md", ".markdown", ".txt"), "tex": (".tex", ".txt")}
    add("--json", type=file_of(".json"), metavar="FILE", help="everything, in full precision")
    add("--csv", type=file_of(*table["csv"]), metavar="FILE",
        help="the table, all scores in full precision")  # fmt: skip
    add("--per_image", type=file_of(*table["csv"]), metavar="FILE",
        help="CSV with a line for every image")  # fmt: skip
    add("--latex", type=file_of(*table["tex"]), metavar="FILE", help="the table, best marked")
    add("--markdown", type=file_of(*table["md"]), metavar="FILE", help="the table, best marked")
    add("--curves", type=Path, metavar="DIR", help="PR, F, E and ROC curves: PNG and PDF")
    add("--pr", type=file_of(".pdf", ".png"), metavar="FILE",
        help="curves of precision and recall alone, a diagram for each set")  # fmt: skip
    add("--pr_limits", type=float, nargs=4, metavar=("R0", "R1", "P0", "P1"),
        help="ends of its axes; default: recall from 0 to 1, precision from below the "
        "curves to 1")  # fmt: skip
    add("--html", type=file_of(".html", ".htm"), metavar="FILE",
        help="tables, curves, worst and best images")  # fmt: skip
    add("--gallery", type=at_least(1), default=5, metavar="N",
        help="worst and best images in --html")  # fmt: skip


def run(argv: List[str]) -> int:
    """Score; 0 if every map of every method could be scored, or what failed was to be skipped."""
    arguments = _arguments(argv)
    if arguments.config:
        plan = from_yaml(arguments.config)
    else:
        others = ("mask_suffix", "points_dir", "density_dir", "image_dir", "list")
        plan = from_folders(
            arguments.pred_dir,
            arguments.gt_dir,
            arguments.map_suffix,
            **{key: getattr(arguments, key) for key in others},
        )
    limits = arguments.pr_limits or []
    files = {key: path for key in _OUTPUTS if (path := getattr(arguments, key)) is not None}
    return evaluate(
        plan,
        metrics=arguments.metrics,
        conventions=make_conventions(arguments.preset, **_changes(arguments.conventions)),
        outputs=Outputs(
            files,
            arguments.digits,
            arguments.gallery,
            tuple(zip(limits[::2], limits[1::2])),
            all_columns=bool(arguments.metrics),
        ),
        sigma=arguments.sigma,
        workers=arguments.workers,
        resize=arguments.resize,
        allow_missing=arguments.allow_missing,
        skip_bad=arguments.skip_bad,
    )


def _changes(texts: List[str]) -> Dict[str, Any]:
    """Return the conventions of ``KEY=VALUE``, values as in YAML."""
    changes = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key == "preset":
            raise ValueError(f"--conventions: expected KEY=VALUE beside --preset, got {text!r}")
        try:
            changes[key] = load_yaml(value)
        except YamlError:
            changes[key] = value  # which is refused as what it is
    return changes
