"""The optimizer and its rate: PaddleSeg's blocks as its builder takes them, tried before a run."""

from __future__ import annotations

import contextlib
import inspect
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
from paddleseg.cvlibs import SegBuilder, manager

from paddleseg_u2net.config.component import build, said
from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.schema import Faults, check_arguments, check_component, nearest
from paddleseg_u2net.config.settings import is_number

_CLIPS = {
    name: getattr(paddle.nn, name)
    for name in ("ClipGradByGlobalNorm", "ClipGradByNorm", "ClipGradByValue")
}
# At so many of a run's steps the rate is tried.
_TRIED = 1000


def optimizer_settings(block: Tree) -> Tree:
    """The ``optimizer`` block as PaddleSeg 2.8.0's builder reads it: ``adam`` and ``sgd`` are
    ``Adam`` and ``SGD``, and ``SGD`` with a ``momentum`` is ``Momentum``. Whole numbers count, too.
    """
    settings = dict(block)
    settings["type"] = {"adam": "Adam", "sgd": "SGD"}.get(str(block.get("type")), block.get("type"))
    if settings["type"] == "SGD" and "momentum" in settings:
        settings["type"] = "Momentum"
    if settings.get("weight_decay") is not None:
        settings["weight_decay"] = float(settings["weight_decay"])  # PaddleSeg takes no integer
    return settings


def check_optimizer(block: Tree, faults: Faults, training: bool) -> None:
    """Check the ``optimizer`` block; for training one step is made with it, of one number."""
    settings = optimizer_settings(block)
    if str(settings["type"]).startswith("AdamWDL"):
        faults.add(
            "optimizer.type",
            f"{settings['type']} has a rate for each layer of a transformer, which U²-Net is not; "
            "take AdamW, with custom_cfg for layers that learn more slowly",
        )
        return
    fits = check_component("optimizer", settings, manager.OPTIMIZERS.components_dict, faults)
    _check_clip(settings.get("grad_clip_cfg"), faults)
    if fits and training and not faults.under("optimizer"):
        try:
            # without groups, which are of the model's layers
            _try_step({key: value for key, value in settings.items() if key != "custom_cfg"})
        except Exception as error:
            faults.add("optimizer", f"{settings['type']} cannot be used like this: {said(error)}")


def _check_clip(block: Any, faults: Faults) -> None:
    if not isinstance(block, dict):
        return
    where = "optimizer.grad_clip_cfg"
    check_component(where, block, _CLIPS, faults, "expected a kind of clipping, got {!r}", "name")
    for key in {"clip_norm", "max", "min"} & set(block):
        if not is_number(block[key]) or (key != "min" and block[key] <= 0):
            above = "" if key == "min" else " above 0"
            faults.add(f"{where}.{key}", f"expected a number{above}, got {block[key]!r}")


def _try_step(settings: Tree) -> None:
    """One step of a layer of one number, on the processor: Paddle checks some values only then."""
    device = paddle.get_device()
    paddle.set_device("cpu")
    try:
        with paddle.utils.unique_name.guard():
            one = paddle.ParamAttr(initializer=paddle.nn.initializer.Constant(1.0))
            layer = paddle.nn.Linear(1, 1, weight_attr=one, bias_attr=False)
        optimizer = build(settings)(layer, 0.1)
        layer(paddle.ones([1, 1])).sum().backward()
        optimizer.step()
    finally:
        paddle.set_device(device)


def make_schedule(block: Tree, iters: int) -> Any:
    """The schedule of an ``lr_scheduler`` block over ``iters`` optimizer steps."""
    return SegBuilder(SimpleNamespace(lr_scheduler_cfg=dict(block), iters=iters)).lr_scheduler


def check_schedule(written: Tree, iters: int, faults: Faults, training: bool) -> None:
    """Check an ``lr_scheduler`` block; for training its rates over ``iters`` steps are tried."""
    block = dict(written)
    known = {
        name: item
        for name, item in vars(paddle.optimizer.lr).items()
        if inspect.isclass(item) and issubclass(item, paddle.optimizer.lr.LRScheduler)
    }
    where, kind = "lr_scheduler", block.pop("type", None)
    if not isinstance(kind, str) or kind not in known:
        faults.add(f"{where}.type", f"there is no {kind!r}; {nearest(str(kind), known)}")
        return
    for key in ("learning_rate", "warmup_iters", "warmup_start_lr"):
        if not is_number(block.get(key, 0)):
            faults.add(f"{where}.{key}", f"expected a number, got {block[key]!r}")
    if kind == "PolynomialDecay":
        block.setdefault("decay_steps", iters)
    arguments = inspect.signature(known[kind]).parameters  # NoamDecay has its own warmup_steps
    warm_up = [key for key in block if key.startswith("warmup_") and key not in arguments]
    own = {key: value for key, value in block.items() if key not in warm_up}
    check_arguments(where, known[kind], own, faults)
    if warm_up:
        _check_warm_up(known[kind], block, faults)
    if training and not faults.under(where, "iters"):
        _check_rates(written, iters, faults)


def _check_warm_up(kind: Any, block: Tree, faults: Faults) -> None:
    if (
        kind.__name__ == "ReduceOnPlateau"
        or "learning_rate" not in inspect.signature(kind).parameters
    ):
        faults.add("lr_scheduler.warmup_iters", f"{kind.__name__} has none; delete it")
        return
    for key in ("warmup_iters", "warmup_start_lr", "learning_rate"):
        where = f"lr_scheduler.{key}"
        if key not in block and not faults.under(where):
            faults.add(where, "this key is missing; a warm-up needs it")


def _check_rates(block: Tree, iters: int, faults: Faults) -> None:
    step, kind = 0, block["type"]
    try:
        # Some say how they are doing at every step.
        with contextlib.redirect_stdout(io.StringIO()):
            schedule = make_schedule(block, iters)
            first = schedule.last_epoch
            for step in np.unique(np.linspace(0, iters, _TRIED, dtype=int)).tolist():
                # The one that follows the loss is given one that does not fall.
                schedule.step(1.0 if kind == "ReduceOnPlateau" else first + step)
                rate = schedule()
                if not is_number(rate) or rate < 0:
                    faults.add("lr_scheduler", f"{kind} gives the rate {rate} at iteration {step}")
                    return
    except Exception as error:
        at = f" at iteration {step}" if step else ""
        faults.add("lr_scheduler", f"{kind} cannot be used like this{at}: {said(error)}")
