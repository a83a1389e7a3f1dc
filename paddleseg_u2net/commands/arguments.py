"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, List, Optional, Sequence, Union

from paddleseg_u2net.commands.parsing import Parser, at_least, only
from paddleseg_u2net.inference import UPSAMPLINGS
from paddleseg_u2net.inference.backends import AUTO, BACKENDS

if TYPE_CHECKING:
    from paddleseg_u2net.predictor.load import LoadedModel

Arguments = Union[argparse.ArgumentParser, argparse._ArgumentGroup]
"""A parser, or a group of its arguments."""


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """An argument parser with ``--opts`` and ``--device``."""
    result = Parser(prog=command, description=description)
    add_opts(result)
    add_device(result)
    return result


def add_opts(result: Arguments) -> None:
    """Add ``--opts``."""
    result.add_argument("--opts", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="override keys of the configuration, e.g. model.num_classes=2")  # fmt: skip


def add_device(result: Arguments) -> None:
    """Add ``--device``."""
    result.add_argument("--device", choices=("auto", "cpu", "gpu", "xpu", "npu", "mlu"),
        default="auto", help="where to compute; auto: a GPU if Paddle finds one")  # fmt: skip


def add_data_format(result: Arguments) -> None:
    """Add PaddleSeg's ``--data_format``, of which there is one here."""
    says = only("NCHW", "networks take NCHW here: leave it out")
    result.add_argument("--data_format", type=says, default="NCHW", help="NCHW, as PaddleSeg says")


def add_plugins(result: Arguments) -> None:
    """Add ``--plugins``, for commands that read no configuration; `commands.main` imports them."""
    result.add_argument(
        "--plugins",
        nargs="+",
        action="extend",
        default=[],
        metavar="MODULE",
        help="modules of your own, by name or as .py files, which register what this command is "
        "to know: docs/configuration.md",
    )


def add_inference(result: Arguments) -> None:
    """Add the backend, upsampling, test-time augmentation and sliding windows; the last two as far
    as in PaddleSeg by its names.
    """
    add_engine(result)
    add = result.add_argument
    add("--aug_eval", "--aug_pred", action="store_true", help="average over the scales and flips "
        "below")  # fmt: skip
    add("--scales", nargs="+", type=float, default=None)
    add("--flip_horizontal", action="store_true")
    add("--flip_vertical", action="store_true")
    add("--is_slide", action="store_true", help="slide a window over the image at its own size")
    add("--crop_size", nargs=2, type=int, metavar=("W", "H"))
    add("--stride", nargs=2, type=int, metavar=("W", "H"))
    add_plugins(result)


def add_engine(result: Arguments) -> None:
    """Add the backend, its threads, and the upsampling."""
    add = result.add_argument
    add("--backend", choices=(AUTO, *BACKENDS), default=AUTO, help="what runs the network; auto: "
        "the fastest that is installed, fits the model and computes on the device")  # fmt: skip
    add("--threads", type=at_least(1), help="of the network on a CPU; else all cores")
    add("--upsampling", choices=UPSAMPLINGS, default=UPSAMPLINGS[0], help="how maps come to the "
        "image's size; guided: along the edges of the image")  # fmt: skip


def model_of(
    arguments: argparse.Namespace,
    path: Optional[str],
    threads: Optional[int] = None,
    opts: Sequence[str] = (),
    with_datasets: bool = False,
) -> LoadedModel:
    """The model of ``path`` as a command's arguments say, which the log is told.

    ``threads`` are taken where the arguments name none, ``opts`` come after theirs.
    """
    from paddleseg_u2net.log import logger
    from paddleseg_u2net.predictor.load import load_model

    model = load_model(
        path,
        arguments.config,
        [*arguments.opts, *inference_opts(arguments), *opts],
        arguments.backend,
        arguments.device,
        arguments.threads or threads,
        upsampling=arguments.upsampling,
        with_datasets=with_datasets,
    )
    logger.info(str(model))
    return model


def inference_opts(arguments: argparse.Namespace) -> List[str]:
    """Test-time augmentation and windows, as far as a command has them and they are given, in the
    form of ``--opts``.
    """
    given: List[str] = []
    for flag, settings in (
        ("aug_eval", ("scales", "flip_horizontal", "flip_vertical")),
        ("is_slide", ("crop_size", "stride")),
    ):
        values = {key: getattr(arguments, key, None) for key in (flag, *settings)}
        without = [f"--{key}" for key in settings if values[key]]
        if without and not values[flag]:
            raise ValueError(f"{', '.join(without)}: has an effect with --{flag} only; add it")
        given += [f"test_config.{key}={value}" for key, value in values.items() if value]
    return given
