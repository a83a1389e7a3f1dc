"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import contextlib
from typing import Iterator, List

from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.device import set_device
from paddleseg_u2net.inference import UPSAMPLINGS
from paddleseg_u2net.inference.backends import AUTO, BACKENDS

__all__ = [
    "add_inference",
    "add_plugins",
    "inference_opts",
    "named",
    "parser",
    "set_device",
]


@contextlib.contextmanager
def named(flag: str) -> Iterator[None]:
    """Let errors about a model's path begin with the flag that it was given by."""
    from paddleseg_u2net.predictor.load import ModelPathError

    try:
        yield
    except ModelPathError as error:
        raise ModelPathError(f"{flag} {error}") from error


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """An argument parser with ``--opts`` and ``--device``."""
    result = Parser(prog=command, description=description)
    result.add_argument(
        "--opts",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="override keys of the configuration, e.g. model.num_classes=2",
    )
    result.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu", "xpu", "npu", "mlu"),
        default="auto",
        help="where to compute; auto: a GPU if there is one",
    )
    return result


def add_plugins(result: argparse.ArgumentParser) -> None:
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


def add_inference(result: argparse.ArgumentParser) -> None:
    """Add the backend, upsampling, test-time augmentation and sliding windows; the last two as far
    as in PaddleSeg by its names.
    """
    result.add_argument(
        "--backend",
        choices=(AUTO, *BACKENDS),
        default=AUTO,
        help="what runs the network; auto: the fastest that is installed, fits the model and "
        "computes on the device",
    )
    result.add_argument("--threads", type=_count, help="of the network on a CPU; else all cores")
    result.add_argument(
        "--upsampling",
        choices=UPSAMPLINGS,
        default=UPSAMPLINGS[0],
        help="how maps come to the image's size; guided: along the edges of the image",
    )
    result.add_argument(
        "--aug_eval",
        "--aug_pred",
        action="store_true",
        help="average over the scales and flips below",
    )
    result.add_argument("--scales", nargs="+", type=float, default=None)
    result.add_argument("--flip_horizontal", action="store_true")
    result.add_argument("--flip_vertical", action="store_true")
    result.add_argument(
        "--is_slide", action="store_true", help="slide a window over the image at its own size"
    )
    result.add_argument("--crop_size", nargs=2, type=int, metavar=("W", "H"))
    result.add_argument("--stride", nargs=2, type=int, metavar=("W", "H"))
    add_plugins(result)


def inference_opts(arguments: argparse.Namespace) -> List[str]:
    """Test-time augmentation and windows, as far as given, in the form of ``--opts``.

    Raises:
        ValueError: a setting is given without the flag that it belongs to.
    """
    for flag, settings in (
        ("aug_eval", ("scales", "flip_horizontal", "flip_vertical")),
        ("is_slide", ("crop_size", "stride")),
    ):
        given_without = [f"--{key}" for key in settings if getattr(arguments, key)]
        if given_without and not getattr(arguments, flag):
            raise ValueError(
                f"{', '.join(given_without)}: has an effect with --{flag} only; add it"
            )
    keys = ["aug_eval", "scales", "flip_horizontal", "flip_vertical"]
    keys += ["is_slide", "crop_size", "stride"]
    given = {key: getattr(arguments, key) for key in keys}
    return [f"test_config.{key}={value}" for key, value in given.items() if value]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number
