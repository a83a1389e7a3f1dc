"""The device that Paddle computes on."""

from __future__ import annotations

from typing import Any, List


def set_device(name: str) -> str:
    """Set Paddle's device; the name of what was set."""
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
