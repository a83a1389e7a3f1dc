"""``tools/predict.py``: images in, pictures of predictions out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, List

from paddleseg_u2net.commands.arguments import add_inference, model_of, parser
from paddleseg_u2net.env import cores
from paddleseg_u2net.prediction.jobs import PICTURES, USUAL, collect


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = parser("predict", "Write overlays, class maps, saliency maps and cut-outs of images.")
    add = result.add_argument
    add("--image_path", required=True, nargs="+", metavar="PATH", help="images, lists of images "
        "(.txt), folders, or patterns such as 'photos/**/*.jpg'")  # fmt: skip
    add("--model_path", help="weights of any format, a folder with model.pdparams, a folder of "
        "tools/export.py, or a name: u2net, u2netp, ...; else the newest best_model below "
        "output/")  # fmt: skip
    add("--config", help="YAML file; else the one saved beside the model, or "
        "what the weights say")  # fmt: skip
    add("--save_dir", default="output/result", help="folder for the pictures, with one "
        "for each kind; else output/result")  # fmt: skip
    add("--pictures", nargs="+", choices=PICTURES, default=USUAL, help="which are written, "
        "else the first three: the image under its classes' colours, the classes, the map, the "
        "foreground cut out")  # fmt: skip
    add("--custom_color", nargs="+", type=int, help="R G B of class 0, of class 1, ...")
    add_inference(result)
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Predict; 1 if an image failed, 0 otherwise.

    Of the processes of ``paddle.distributed.launch`` each does its share, and the first one answers
    for all.
    """
    arguments = _arguments(argv)
    from paddleseg_u2net.training.distributed import Distributed

    with Distributed() as distributed:
        return _predict(arguments, distributed)


def _predict(arguments: argparse.Namespace, distributed: Any) -> int:
    from paddleseg_u2net.log import logger, start_logging
    from paddleseg_u2net.prediction.run import predict_files

    size = distributed.size
    start_logging(distributed.is_first)
    save_dir = Path(arguments.save_dir)
    jobs = collect(arguments.image_path, save_dir)
    # of a folder that changes at this moment, all share out what the first one saw
    jobs = distributed.gather({"jobs": jobs if distributed.is_first else []})[0]["jobs"]
    share = max(1, cores() // size) if size > 1 else None
    model = model_of(arguments, arguments.model_path, share)
    shared = f", shared out to {size} processes" if size > 1 else ""
    logger.info(f"Predicting {_images(len(jobs))} with {model.source}{shared}")
    failures = predict_files(
        model.pipeline,
        jobs,
        save_dir,
        model.in_channels,
        arguments.custom_color,
        on_failure=lambda failure: logger.error(failure.reason),
        pictures=arguments.pictures,
        share=slice(distributed.rank, None, size),
    )
    # Also a barrier: an exit code of 1 ends the other processes, even while they end with theirs.
    own, *others = distributed.gather({"failures": failures})
    failures = own["failures"]
    for failure in (failure for other in others for failure in other["failures"]):
        logger.error(failure.reason)
        failures.append(failure)
    done = len(jobs) - len(failures)
    folders = ", ".join(str(save_dir / kind) for kind in arguments.pictures)
    logger.info(f"Done: {done} of {_images(len(jobs))}, in {folders}")
    if failures:
        logger.error(f"{_images(len(failures))} could not be predicted; the lines above say why")
    return 1 if failures and distributed.is_first else 0


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
