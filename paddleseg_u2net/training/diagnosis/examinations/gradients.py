"""Gradients of the first batch, stage by stage, and what is frozen.

A stage is a layer directly below the network. Of fresh U2Net and U2NetP the stages' gradients,
in shares of their weights, lie within three orders of magnitude.
"""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, List

import numpy as np
import paddle
from paddle import nn

from paddleseg_u2net.text import short_list
from paddleseg_u2net.training.diagnosis.examination import Examination, Result, register
from paddleseg_u2net.training.diagnosis.finding import (
    CERTAIN,
    ERROR,
    LIKELY,
    LOOK,
    NOTE,
    WARNING,
    Finding,
)
from paddleseg_u2net.training.diagnosis.subject import Subject

_VANISHED, _EXPLODED = 1e-6, 1e4
_BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


class _Stage:
    """The parameters of a layer directly below the network, with their gradients."""

    def __init__(self, layer: Any) -> None:
        own = [p for name, p in layer.named_parameters() if not _is_statistic(name)]
        self.learns = [p for p in own if not p.stop_gradient]
        self.frozen = bool(own) and not self.learns
        gradients = [p.grad.numpy() for p in self.learns if p.grad is not None]
        self.gradient = float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients)))
        self.weight = float(np.sqrt(sum((p.numpy().astype(np.float64) ** 2).sum() for p in own)))

    @property
    def ratio(self) -> float:
        """The gradient in shares of the weights."""
        return self.gradient / max(self.weight, 1e-12)


def _is_statistic(name: str) -> bool:
    return name.endswith(("_mean", "_variance"))


def _run(subject: Subject) -> Result:
    model = subject.network()
    batch = next(subject.batches())
    started = time.monotonic()
    loss, _ = subject.criterion.parts(subject.heads(model, batch), batch[1])
    loss.backward()
    subject.known["seconds_of_a_step"] = 1.1 * (time.monotonic() - started)  # and the update
    stages = {
        name: _Stage(layer) for name, layer in model.named_children() if list(layer.parameters())
    }
    learning = {name: stage for name, stage in stages.items() if not stage.frozen}
    norms = {name: stage.gradient for name, stage in learning.items()}
    if not norms:
        return Result("No stage has parameters of its own.")
    low, high = min(norms, key=lambda n: norms[n]), max(norms, key=lambda n: norms[n])
    result = Result(
        f"Gradient norms of {len(norms)} stages from {norms[low]:.2g} ({low}) to {norms[high]:.2g} "
        f"({high}).",
        measured={"gradient": norms, "frozen": [n for n, s in stages.items() if s.frozen]},
    )
    result.findings += _dead(learning)
    result.findings += _frozen(subject, model, batch[0])
    result.findings += _batchnorm(subject, model)
    model.clear_gradients()
    return result


def _dead(stages: Dict[str, _Stage]) -> Iterator[Finding]:
    if any(not np.isfinite(stage.gradient) for stage in stages.values()):
        broken = [name for name, stage in stages.items() if not np.isfinite(stage.gradient)]
        text = f"The gradient of {short_list(broken)} is no number."
        yield Finding("gradient_not_finite", ERROR, CERTAIN, text)
        return
    dead = [name for name, stage in stages.items() if stage.gradient == 0]
    if dead:
        every = len(dead) == len(stages)
        yield Finding(
            "stages_without_gradient",
            ERROR if every else WARNING,
            CERTAIN,
            f"{short_list(dead, 6)}: no gradient reaches "
            + ("any stage; nothing learns." if every else "these stages, which learn nothing. ")
            + (
                "" if every else "They take no part in the outputs, or a layer before them is dead."
            ),
        )
    ratios = {name: stage.ratio for name, stage in stages.items() if stage.gradient > 0}
    if not ratios:
        return
    greatest = max(ratios.values())
    faint = [name for name, ratio in ratios.items() if ratio < _VANISHED * greatest]
    if faint:
        yield Finding(
            "gradient_vanishes",
            WARNING,
            LIKELY,
            f"The gradients of {short_list(faint, 6)} are under a millionth of the strongest "
            "(in shares of their weights): these stages hardly learn. Add BatchNorms, residual "
            "connections or side outputs.",
        )
    loud = [name for name, ratio in ratios.items() if ratio > _EXPLODED]
    if loud:
        yield Finding(
            "gradient_explodes",
            WARNING,
            LIKELY,
            f"The gradients of {short_list(loud, 6)} are {greatest:.2g} times as large as their "
            "weights: one step may undo all.",
            "optimizer:\n  grad_clip_cfg: {name: ClipGradByGlobalNorm, clip_norm: 1.0}",
        )


def _frozen(subject: Subject, model: Any, images: Any) -> Iterator[Finding]:
    every = dict(model.named_sublayers())
    held = [name for name, layer in every.items() if _is_frozen(layer)]
    tops = [name for name in held if not any(name.startswith(other + ".") for other in held)]
    if not tops:
        return
    heads = [name for name in _heads(subject, model, images) if _is_frozen(every[name])]
    given = tuple(subject.pretrained)
    random = [name for name in tops if not name.startswith(given)]
    asked = bool(subject.config.trainer.freeze)
    repair = f"trainer:\n  freeze: {[n for n in tops if n not in heads]}" if asked else ""
    if heads:
        yield Finding(
            "heads_frozen",
            WARNING,
            CERTAIN if not given else LIKELY,
            f"{short_list(heads, 8)} make the outputs and are frozen"
            + (" with random weights" if not given else "")
            + ": everything else has to learn around them. Let them learn.",
            repair,
        )
    elif random:
        yield Finding(
            "random_layers_frozen",
            WARNING,
            LIKELY,
            f"{short_list(random, 8)} are frozen with random weights: freezing is for layers of "
            "pretrained weights, and for these there are none.",
            "trainer:\n  freeze: []" if asked else "",
        )


def _is_frozen(layer: Any) -> bool:
    own = [p for name, p in layer.named_parameters() if not _is_statistic(name)]
    return bool(own) and all(p.stop_gradient for p in own)


def _heads(subject: Subject, model: Any, images: Any) -> List[str]:
    """The layers without layers below that give as many channels as there are classes."""
    found: List[str] = []
    handles = []
    for name, layer in model.named_sublayers():
        if list(layer.children()) or not list(layer.parameters()):
            continue
        if isinstance(layer, _BATCH_NORMS):
            continue

        def note(layer: Any, inputs: Any, output: Any, name: str = name) -> None:
            shape = getattr(output, "shape", [])
            if len(shape) == 4 and shape[1] == subject.num_classes and name not in found:
                found.append(name)

        handles.append(layer.register_forward_post_hook(note))
    with paddle.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return found


def _batchnorm(subject: Subject, model: Any) -> Iterator[Finding]:
    layers = {
        name: layer for name, layer in model.named_sublayers() if isinstance(layer, _BATCH_NORMS)
    }
    broken = [
        name
        for name, layer in layers.items()
        if not (np.isfinite(layer._variance.numpy()).all() and layer._variance.numpy().min() >= 0)
    ]
    if broken:
        text = f"{short_list(broken)}: running variances that are negative or no numbers."
        yield Finding("batchnorm_broken", ERROR, CERTAIN, text)
    if layers and subject.config.batch_size == 1:
        yield Finding(
            "batch_of_one",
            NOTE,
            LOOK,
            f"batch_size is 1, and {len(layers)} BatchNorms normalise by single images; where a "
            "map is one pixel wide they see one value. Two and more are steadier.",
            "batch_size: 2",
        )


register(
    Examination(
        "gradients", "gradient norms of stages, dead and frozen layers, BatchNorms", 50, _run
    )
)
