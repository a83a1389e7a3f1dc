"""``tools/export.py``: a trained model in, files of an engine out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List

from paddleseg_u2net.commands.arguments import add_plugins
from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.env import load_paddle
from paddleseg_u2net.export.formats import FORMATS, precisions
from paddleseg_u2net.inference.description import OUTPUTS, ExportError, exported_folder
from paddleseg_u2net.log import logger, start_logging


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        prog="export",
        description="Write a trained model as files that an engine runs without its YAML: "
        "BatchNorm folded, one output, described in description.json. They are read again, run "
        "and compared with the model before the folder appears.",
    )
    add = result.add_argument
    add("--model_path", required=True, help="weights of any format, a folder with "
        "model.pdparams, or a name: u2net, u2netp, ...")  # fmt: skip
    add("--config", help="YAML file; else the one saved beside the model, or "
        "what the weights say")  # fmt: skip
    add("--save_dir", type=Path, default=Path("output/inference_model"), help="folder that is to "
        "appear; an earlier export is replaced, nothing else is")  # fmt: skip
    add("--format", choices=FORMATS, default="paddle", help="; ".join(
        f"{name}: {format.help}" for name, format in FORMATS.items()))  # fmt: skip
    add("--precision", choices=precisions(), default="fp32", help="fp16 halves the file; int8, and "
        "bf16 for processors that have it, are faster, and guarded by maps of the calibration "
        "images")  # fmt: skip
    add("--input_shape", nargs=4, type=int, metavar=("N", "C", "H", "W"), help="what the network "
        "takes, -1: any number; else any but for the channels")  # fmt: skip
    add("--output_op", choices=OUTPUTS, default="probability", help="probability: sigmoid of one "
        "class, softmax of more; argmax: class numbers")  # fmt: skip
    add("--calibration", type=Path, metavar="DIR", help="images like those that will "
        "be predicted, 16 or more, for int8 and bf16; not those that scores are "
        "reported of")  # fmt: skip
    add("--calibration_masks", type=Path, metavar="DIR", help="their masks, by which errors are "
        "measured; else by the maps of the model as it is")  # fmt: skip
    add("--max_mae_increase", type=float, default=0.001, help="how much the mean absolute error "
        "of the maps may grow in int8 and bf16")  # fmt: skip
    add("--opts", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override keys of the configuration, e.g. preprocess.type=zoo")  # fmt: skip
    add_plugins(result)
    arguments = result.parse_args(argv)
    if arguments.input_shape and not all(n == -1 or n > 0 for n in arguments.input_shape):
        result.error("--input_shape: expected numbers of 1 or more, or -1 for any")
    return arguments


def run(argv: List[str]) -> int:
    """Export; 0 if the folder is there and gives what the model gives."""
    arguments = _arguments(argv)
    start_logging()
    load_paddle()
    from paddleseg_u2net.export.export import ExportOptions, export
    from paddleseg_u2net.predictor.load import load_model

    if exported_folder(arguments.model_path) is not None:
        raise ExportError(
            f"--model_path {arguments.model_path}: expected weights, found an exported model; give "
            "those that it was made of, which its description.json names under source"
        )
    asked = arguments.input_shape
    shape = tuple(None if number == -1 else number for number in asked) if asked else None
    options = ExportOptions(
        arguments.save_dir,
        arguments.format,
        arguments.precision,
        arguments.output_op,
        shape,
        arguments.calibration,
        arguments.calibration_masks,
        arguments.max_mae_increase,
    )
    # a GPU rounds to TF32, and its maps are not what is compared with
    model = load_model(
        arguments.model_path, arguments.config, arguments.opts, "paddle", device="cpu"
    )
    logger.info(f"Exporting {model.source}; {model.pipeline.preprocess}")
    made = export(model, options)
    for name in made.files:
        size = (options.save_dir / name).stat().st_size
        logger.info(f"{options.save_dir / name}: {size / 1e6:.2f} MB")
    logger.info(f"{options.save_dir} holds {made.precision} for {made.format}, and its description")
    return 0
