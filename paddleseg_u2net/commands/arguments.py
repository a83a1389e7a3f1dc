"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import Any, List

from paddleseg_u2net.inference.backends import BACKENDS


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """An argument parser with ``--opts`` and ``--device``."""
    result = argparse.ArgumentParser(prog=command, description=description)
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


def add_inference(result: argparse.ArgumentParser) -> None:
    """Add the backend, test-time augmentation and sliding windows, as far as in PaddleSeg by its
    names.
    """
    result.add_argument(
        "--backend",
        choices=BACKENDS,
        default="paddle",
        help="what runs the network; onnxruntime and openvino are several times as fast on a CPU",
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


def inference_opts(arguments: argparse.Namespace) -> List[str]:
    """What was given of ``add_inference``, in the form of ``--opts``, but for the backend.

    Raises:
        ValueError: a setting is given without the flag that it belongs to, or the backend does not
            compute on the device.
    """
    if arguments.backend != "paddle" and arguments.device not in ("auto", "cpu"):
        raise ValueError(
            f"--device {arguments.device}: --backend {arguments.backend} computes on the CPU; "
            "leave one of the two out"
        )
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


def set_device(name: str) -> str:
    """Set Paddle's device; the name of what was set.

    Raises:
        ValueError: this machine or this build of Paddle has no such device.
    """
    import paddle

    available = _available(paddle)
    if name == "auto":
        name = "gpu" if "gpu" in available else "cpu"
    if name not in available:
        raise ValueError(
            f"--device {name}: this Paddle ({paddle.__version__}) finds {', '.join(available)} "
            "only; install the Paddle build for that device, or leave --device out"
        )
    paddle.set_device(name)
    return name


def _available(paddle: Any) -> List[str]:
    found = ["cpu"]
    if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0:
        found.append("gpu")
    if paddle.is_compiled_with_xpu():
        found.append("xpu")
    return [*found, *(paddle.device.get_all_custom_device_type() or [])]
