"""``tools/val.py``: a trained model in, its scores out."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any, List

from paddleseg_u2net.commands.arguments import (
    add_data_format,
    add_inference,
    inference_opts,
    parser,
)
from paddleseg_u2net.commands.parsing import at_least, file_of
from paddleseg_u2net.env import cores, is_first_process, load_paddle
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.log import logger, start_logging


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = parser("val", "Score a trained model on val_dataset, at the images' own sizes.")
    add = result.add_argument
    add("--model_path", required=True, help="weights of any format, a folder with "
        "model.pdparams, a folder of tools/export.py, or a name: u2net, u2netp, ...")  # fmt: skip
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
    add("--auc_roc", nargs="?", const="True", help="PaddleSeg's: add AUC to --metrics, which has "
        "it where it is not given")  # fmt: skip
    add_data_format(result)
    add_inference(result)
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Validate; 0 if every image could be scored."""
    arguments = _arguments(argv)
    start_logging(is_first_process())
    load_paddle()
    from paddleseg_u2net.training.distributed import Distributed

    with Distributed() as distributed:
        return _validate(arguments, distributed)


def _validate(arguments: argparse.Namespace, distributed: Any) -> int:
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.metrics import json_ready
    from paddleseg_u2net.predictor.load import load_model
    from paddleseg_u2net.training.validation import evaluate, lines

    opts = [*arguments.opts, *inference_opts(arguments)]
    if arguments.metrics and arguments.auc_roc:
        arguments.metrics.append("AUC")
    if arguments.metrics:
        opts.append(f"metrics=[{', '.join(arguments.metrics)}]")
    if arguments.preset:
        opts.append(f"conventions.preset={arguments.preset}")
    model = load_model(
        arguments.model_path,
        arguments.config,
        opts,
        arguments.backend,
        arguments.device,
        arguments.threads or max(1, cores() // distributed.size),
        upsampling=arguments.upsampling,
        with_datasets=True,
    )
    logger.info(str(model))
    config = model.config
    assert isinstance(config, Config)
    dataset = config.dataset("val")
    logger.info(f"Validating {model.source}; {dataset.describe()}")
    batch_size = arguments.batch_size or config.test.batch_size
    report = evaluate(
        model.pipeline, dataset, config.report(), batch_size, arguments.num_workers, distributed
    )
    for line in lines(report, dataset.classes):
        logger.info(line)
    if arguments.json and distributed.is_first:
        used = asdict(report.conventions)
        del used["mask_above"]  # here the data set says what a mask's values mean
        content = {
            "model_path": str(model.source),
            "conventions": {"preset": report.conventions.title, **used},
            **json_ready(report.compute()),
        }
        write_text(arguments.json, json.dumps(content, indent=2) + "\n")
    return 0
