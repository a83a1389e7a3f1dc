"""``tools/predict.py``: images in, pictures of predictions out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List

from paddleseg_u2net.commands.arguments import add_inference, inference_opts, parser, set_device
from paddleseg_u2net.runtime import load_paddle


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = parser("predict", "Write overlays, class maps and saliency maps of images.")
    add = result.add_argument
    add("--image_path", required=True, help="an image, a list of images (.txt), or a folder")
    add("--model_path", help="weights of any format, a folder with model.pdparams, or a name: "
        "u2net, u2netp, ...; else the newest best_model below output/")  # fmt: skip
    add("--config", help="YAML file; else the one saved beside the model, or "
        "what the weights say")  # fmt: skip
    add("--save_dir", default="output/result", help="folder for the pictures")
    add("--custom_color", nargs="+", type=int, help="R G B of class 0, of class 1, ...")
    add_inference(result)
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Predict; 1 if an image failed, 0 otherwise."""
    arguments = _arguments(argv)
    load_paddle()
    from paddleseg_u2net.engine import predict_files as files
    from paddleseg_u2net.engine import trained
    from paddleseg_u2net.engine.journal import logger, start_logging

    opts = [*arguments.opts, *inference_opts(arguments)]
    set_device(arguments.device)
    start_logging()
    jobs = files.collect(Path(arguments.image_path))
    weights, config, predictor = trained.load(
        arguments.model_path, arguments.config, opts, arguments.backend
    )
    logger.info(f"Predicting {len(jobs)} images with {weights}")
    save_dir = Path(arguments.save_dir)
    failures = files.predict_files(
        predictor,
        jobs,
        save_dir,
        config.in_channels,
        arguments.custom_color,
        on_failure=lambda failure: logger.error(failure.reason),
    )
    done = len(jobs) - len(failures)
    logger.info(
        f"{done} of {len(jobs)} images are in {save_dir / files.ADDED}, {save_dir / files.PSEUDO} "
        f"and {save_dir / files.SALIENCY}"
    )
    if failures:
        logger.error(f"{len(failures)} images could not be predicted; the lines above say why")
    return 1 if failures else 0
