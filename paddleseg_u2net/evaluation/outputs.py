"""What an evaluation writes: tables, JSON, CSV, curves, the page; and what it shows."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

from paddleseg_u2net.evaluation import results as of
from paddleseg_u2net.evaluation.gallery import galleries
from paddleseg_u2net.evaluation.latex import latex_table
from paddleseg_u2net.evaluation.page import page
from paddleseg_u2net.evaluation.results import Result
from paddleseg_u2net.evaluation.tables import Column, csv_table, markdown_table, text_table
from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.metrics import Curves, MetricReport
from paddleseg_u2net.render import curves, mpl_style
from paddleseg_u2net.text import one_line

_OF_FIXATIONS = ("AUC_Judd", "sAUC", "NSS", "CC", "SIM", "KLD")
# What papers compare methods by, in as few columns as print side by side.
_PAPER = ("MAE", "maxF", "wF", "S", "meanE", *_OF_FIXATIONS)
# What fits a line of 80 letters.
_TERMINAL = ("mIoU", *_PAPER[:5], "relaxF", "BIoU", *_OF_FIXATIONS)


@dataclass(frozen=True)
class Outputs:
    """What is written, and how."""

    # By kind: json, csv, per_image, latex, markdown, html, pr are files, curves is a folder.
    files: Mapping[str, Path] = field(default_factory=dict)
    digits: int = 3  # behind the point, in tables
    gallery: int = 5  # worst and best images on the page
    limits: Tuple[Tuple[float, float], ...] = ()  # ends of the axes of pr: recall, precision
    all_columns: bool = False  # every table has all scores, not only those it has room for

    @property
    def needs_rows(self) -> bool:
        """Whether the scores of every image are needed."""
        return bool({"per_image", "html"} & set(self.files))

    def check(self, report: MetricReport) -> None:
        """Refuse at once what could not be written when all is scored: ValueError or OSError."""
        if {"html", "pr", "curves"} & set(self.files):
            importlib.import_module("matplotlib")
        if "html" in self.files:
            importlib.import_module("jinja2")
        seen: Dict[Path, str] = {}
        for key, path in self.files.items():
            first = seen.setdefault(path.resolve(), key)
            if first != key:
                raise ValueError(f"{path}: --{first} and --{key} would both be written here")
            check_writable(path, folder=key == "curves", name=f"--{key} {path}")
        if "pr" in self.files and "PR" not in report.curves():
            raise ValueError("--pr: none of the scores has this curve; add maxF")
        if "curves" in self.files and not report.curves():
            raise ValueError("--curves: none of the scores has a curve; add maxF, maxE or AUC")

    def _columns(self, results: Sequence[Result], usual: Sequence[str] = ()) -> List[Column]:
        scores = results[0].report.scores
        chosen = [each for each in scores if each.key in usual and not self.all_columns] or scores
        return [of.column(score, self.digits) for score in chosen]

    def show(self, results: Sequence[Result]) -> None:
        """Print the table and what a reader has to know."""
        columns, data_sets = self._columns(results, _TERMINAL), of.data_sets(results)
        print(text_table(data_sets, columns), end="")
        if any(len(methods) > 1 for methods in data_sets.values()):
            print("* the best of its set, as the numbers are printed")
        more = len(results[0].report.scores) - len(columns)
        if more:
            print(f"{more} more scores: --metrics all shows them; --html, --csv, --json have them")
        for line in of.remarks(results):
            print(line)

    def write(self, results: Sequence[Result]) -> None:
        """Write all files."""
        data_sets, paper = of.data_sets(results), self._columns(results, _PAPER)
        lines = [one_line(line) for line in of.remarks(results)]
        writers: Dict[str, Callable[[], str]] = {
            "json": lambda: json.dumps(of.as_json(results), indent=1, allow_nan=False) + "\n",
            "csv": lambda: csv_table(data_sets, self._columns(results)),
            "per_image": lambda: of.per_image_csv(results),
            "latex": lambda: (
                latex_table(data_sets, paper) + "".join(f"% {line}\n" for line in lines)
            ),
            "markdown": lambda: (
                markdown_table(data_sets, paper) + "".join(f"\n{line}\n" for line in lines)
            ),
            "html": lambda: self._page(results),
        }
        for key, text in writers.items():
            if key in self.files:
                write_text(self.files[key], text())
        by_set = _curves(results)
        if "pr" in self.files:
            figure = curves.draw(curves.precision_recall(by_set, *self.limits))
            mpl_style.save(figure, self.files["pr"])
        if "curves" in self.files:
            for name, found in by_set.items():
                figure = curves.draw(curves.panels(found))
                for suffix in (".png", ".pdf"):
                    mpl_style.save(figure, self.files["curves"] / f"{name}{suffix}")

    def _page(self, results: Sequence[Result]) -> str:
        figures = {
            f"Curves on {name}": mpl_style.as_png(curves.draw(curves.panels(found)), 150)
            for name, found in _curves(results).items()
            if any(found.values())
        }
        return page(
            "Scores of saliency maps",
            of.data_sets(results),
            self._columns(results),
            self._columns(results, _PAPER),
            figures,
            galleries(results, self.gallery),
            [*of.remarks(results), of.definitions(results)],
        )


def _curves(results: Sequence[Result]) -> Dict[str, Dict[str, Curves]]:
    """Return the curves by data set and method."""
    return {
        name: {result.of.method: result.report.curves() for result in own}
        for name, own in of.by_set(results).items()
    }
