"""The device that Paddle computes on."""

from __future__ import annotations


def set_device(name: str) -> str:
    """Set Paddle's device; the name of what was set."""
    import paddle

    available = ["cpu"]
    if paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0:
        available.append("gpu")
    if paddle.is_compiled_with_xpu():
        available.append("xpu")
    available += paddle.device.get_all_custom_device_type() or []
    if name == "auto":
        name = "gpu" if "gpu" in available else "cpu"
    if name not in available:
        raise ValueError(
            f"--device {name}: this Paddle ({paddle.__version__}) finds {', '.join(available)} "
            "only; install the Paddle build for that device, or leave --device out"
        )
    paddle.set_device(name)
    return name
