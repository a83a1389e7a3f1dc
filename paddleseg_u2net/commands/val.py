"""``tools/val.py``: a trained model in, its scores out."""

from __future__ import annotations

import argparse
import importlib
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, List, Sequence

from paddleseg_u2net.commands.arguments import add_data_format, add_inference, model_of, parser
from paddleseg_u2net.commands.parsing import at_least, file_of
from paddleseg_u2net.env import cores, is_first_process, load_paddle
from paddleseg_u2net.io.files import check_writable, write_text
from paddleseg_u2net.log import logger, start_logging

if TYPE_CHECKING:
    from paddleseg_u2net.training.distributed import Distributed
    from paddleseg_u2net.training.summary import Scored


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = parser("val", "Score a trained model on val_dataset, at the images' own sizes.")
    add = result.add_argument
    add("--model_path", required=True, nargs="+", help="weights of any format, a folder with "
        "model.pdparams, a folder of tools/export.py, or a name: u2net, u2netp, ...; of several "
        "(the folds of a cross-validation) a table with mean and deviation")  # fmt: skip
    add("--config", help="YAML file; else the one saved beside the model, or what the weights "
        "say; for an exported model it names the data set only")  # fmt: skip
    add("--num_workers", type=at_least(0), default=0, help="processes that read ahead; 0: none")
    add(
        "--batch_size",
        type=at_least(1),
        help="images per forward pass, where their sizes are the same",
    )
    add("--metrics", nargs="+", metavar="NAME", help="scores or families (segmentation, saliency, "
        "boundary, fixation, all); else those of the configuration")  # fmt: skip
    add("--preset", help="conventions: paper, pysodmetrics or matlab; else the configuration's")
    add("--json", type=file_of(".json"), metavar="FILE", help="write the scores there too")
    add("--confusion", nargs="+", type=file_of(".csv", ".png", ".pdf"), default=[], metavar="FILE",
        help="the confusion matrix as a table (.csv) or a chart (.png, .pdf)")  # fmt: skip
    add("--overlays", type=Path, metavar="DIR", help="a picture of each image with what is right, "
        "false and missed, a table of them and a sheet of the worst")  # fmt: skip
    add("--worst", type=at_least(1), default=12, metavar="N", help="images on that sheet; default: "
        "%(default)s")  # fmt: skip
    add("--auc_roc", nargs="?", const="True", help="PaddleSeg's: add AUC to --metrics, which has "
        "it where it is not given")  # fmt: skip
    add_data_format(result)
    add_inference(result)
    arguments = result.parse_args(argv)
    for path in arguments.confusion:
        if not path.suffix:
            result.error(f"--confusion {path}: expected a name that ends in .csv, .png or .pdf")
    if arguments.metrics and arguments.auc_roc:
        arguments.metrics.append("AUC")
    return arguments


def run(argv: List[str]) -> int:
    """Validate; 0 if every image could be scored."""
    arguments = _arguments(argv)
    start_logging(is_first_process())
    load_paddle()
    from paddleseg_u2net.training.distributed import Distributed

    _refuse_unwritable(arguments)
    with Distributed() as distributed:
        return _validate(arguments, distributed)


def _validate(arguments: argparse.Namespace, distributed: Distributed) -> int:
    from paddleseg_u2net.training.summary import Summary, as_json, names_apart

    names = names_apart(arguments.model_path) if len(arguments.model_path) > 1 else [""]
    pairs = zip(names, arguments.model_path)
    every = [_score(arguments, name, path, distributed) for name, path in pairs]
    if not distributed.is_first:
        return 0
    content = as_json(every[0])
    if len(every) > 1:
        summary = Summary(names, every)
        for line in summary.lines():
            logger.info(line)
        content = summary.as_json()
    if arguments.json:
        write_text(arguments.json, json.dumps(content, indent=2) + "\n")
    if arguments.confusion:
        _write_confusion(every, arguments.confusion)
    return 0


def _refuse_unwritable(arguments: argparse.Namespace) -> None:
    """Raise for what could not be written when all is scored."""
    for flag, paths in (("json", [arguments.json]), ("confusion", arguments.confusion)):
        for path in filter(None, paths):
            check_writable(path, name=f"--{flag} {path}")
    if arguments.overlays or any(path.suffix.lower() != ".csv" for path in arguments.confusion):
        importlib.import_module("matplotlib")


def _score(arguments: argparse.Namespace, name: str, path: str, distributed: Distributed) -> Scored:
    """Score a model; ``name`` tells it from the others, if there are several."""
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.prediction.mistakes import Mistakes
    from paddleseg_u2net.training.summary import Scored
    from paddleseg_u2net.training.validation import evaluate, lines

    opts = []
    if arguments.metrics:
        opts.append(f"metrics=[{', '.join(arguments.metrics)}]")
    if arguments.preset:
        opts.append(f"conventions.preset={arguments.preset}")
    share = max(1, cores() // distributed.size)
    model = model_of(arguments, path, share, opts, with_datasets=True)
    config = model.config
    assert isinstance(config, Config)
    dataset = config.dataset("val")
    logger.info(f"Validating {model.source}; {dataset.describe()}")
    report = config.report(["mIoU"] if arguments.confusion else [])
    watches = [Mistakes(dataset, arguments.overlays / name, report)] if arguments.overlays else []
    batch_size = arguments.batch_size or config.test.batch_size
    report = evaluate(
        model.pipeline,
        dataset,
        report,
        batch_size,
        arguments.num_workers,
        distributed,
        *watches,
    )
    for line in lines(report, dataset.classes):
        logger.info(line)
    for watch in watches:
        states = distributed.gather(watch.state())
        distributed.first(partial(watch.finish, states, arguments.worst, str(model.source)))
        logger.info(f"Wrote pictures, a table and a sheet of the worst to {watch.folder}")
    return Scored(str(model.source), report, dataset.classes)


def _write_confusion(every: Sequence[Scored], paths: Sequence[Path]) -> None:
    """Write the matrix of all models' images as tables and charts."""
    from paddleseg_u2net.evaluation.tables import csv_text
    from paddleseg_u2net.render import charts
    from paddleseg_u2net.render.confusion import confusion_chart
    from paddleseg_u2net.text import class_names
    from paddleseg_u2net.training.summary import pooled

    total = pooled(every)
    counts = None if total is None else total.confusion
    if counts is None or total is None:
        raise ValueError("--confusion: the models differ in classes or conventions; name one alone")
    names = class_names(every[0].classes, len(counts))
    for path in paths:
        if path.suffix.lower() == ".csv":
            rows = ([name, *map(str, row)] for name, row in zip(names, counts.tolist()))
            write_text(path, csv_text(["true \\ predicted", *names], rows))
        else:
            title = f"{total.images} images, mIoU {total.values()['mIoU']:.4f}"
            charts.save(confusion_chart(counts, names, title), path)
        logger.info(f"Wrote {path}")
