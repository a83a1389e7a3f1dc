"""The fastest network of a lower precision whose maps stay within a tolerance.

All layers are lowered first. If that changes the maps too much, layers are kept in float32, first
those that lose most for the time that they cost, until the maps are inside. Then those are lowered
again that need not have been kept, the largest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, FrozenSet, List, Optional, Sequence, Tuple

from paddleseg_u2net.export.quantization.bf16 import bf16_rounding, in_bf16
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.graph import Layer, Network, Plan, QuantizationError
from paddleseg_u2net.export.quantization.guard import Guard, Measured
from paddleseg_u2net.export.quantization.int8 import in_int8, int8_rounding
from paddleseg_u2net.export.quantization.observe import observe
from paddleseg_u2net.export.quantization.sensitivity import sensitivity

_LOSS_IMAGES = 4
# Images that every network is measured on, before the last one is on all. An image whose map tips
# over outweighs seven others; but the emulation takes as long as ten networks.
_FEW = {"int8": 32, "bf16": 8}
# Of all multiply-adds: what a border between two precisions costs beside those of the layer.
_BORDER = 0.01
# Layers whose return to the lower precision is tried.
_TRIED_AGAIN = 16
_SHOWN = 6


@dataclass(frozen=True)
class Step:
    """A network that was measured: the layers that it has in float32, and what came out."""

    kept: Tuple[str, ...]
    measured: Measured


@dataclass(frozen=True)
class Found:
    """The network that is inside the tolerance.

    Attributes:
        content: the ONNX file. int8: with 8 bits in it. bf16: the network as it came, to be run
            with ``float_nodes`` in float32 and the rest in bfloat16.
        precision: "int8" or "bf16".
        fp32_layers: names of the layers in float32, in their order, such as ``side1``.
        float_nodes: names of all nodes of the file that work in float32 for that.
        steps: all that was measured, in order.
        images: on how many images the increase was measured.
        error: mean absolute error of float32.
        increase: of the mean absolute error.
        difference: mean absolute difference from the maps of float32, which no increase against
            any mask exceeds.
        against: "masks" or "fp32".
        share: of the multiply-adds that are in the lower precision, in [0, 1].
        guard: what measured it, to measure the files that are written of it.
        milliseconds: of float32 and of this network with ONNX Runtime on this machine; None where
            the precision was emulated.
    """

    content: bytes = field(repr=False)
    precision: str
    fp32_layers: Tuple[str, ...]
    float_nodes: Tuple[str, ...] = field(repr=False)
    steps: Tuple[Step, ...] = field(repr=False)
    images: int
    error: float
    increase: float
    difference: float
    against: str
    share: float
    guard: Guard = field(repr=False)
    milliseconds: Optional[Tuple[float, float]]


def search(
    model: bytes,
    calibration: Calibration,
    tolerance: float,
    precision: str = "int8",
    report: Callable[[str], None] = print,
) -> Found:
    """Find the fastest network of ``precision`` within the tolerance.

    The tolerance is for the increase of the mean absolute error. Without masks that is estimated,
    see `Guard`, and the difference from the maps of float32 may be five times the tolerance at
    most. The same images give the same network: times are only reported.

    Args:
        model: an ONNX file in float32 whose output ``d0`` is probabilities (N, K, h, w), such as
            `weights.onnx_write.onnx_bytes` gives with ``sides=False``.
        calibration: images; with masks for one class only.
        tolerance: 0 or more.
        precision: "int8" or "bf16", which is emulated.
        report: is called with a line for each step.

    Raises:
        QuantizationError: no such network is inside the tolerance; ``onnxruntime`` is missing.
        ValueError: ``onnx`` is missing.
    """
    return _Search(model, calibration, tolerance, precision, report).result()


class _Search:
    def __init__(
        self,
        model: bytes,
        calibration: Calibration,
        tolerance: float,
        precision: str,
        report: Callable[[str], None],
    ) -> None:
        self.model, self.network, self.precision = model, Network(model), precision
        self.calibration, self.tolerance, self.report = calibration, tolerance, report
        self.emulated = precision == "bf16"
        self.observed = observe(self.network, calibration.fitting)
        self.costs = self.observed.multiply_adds
        self.names = [
            layer.name
            for layer in self.network.layers.values()
            if self.emulated or self._fits_int8(layer)
        ]
        self.guard = Guard(model, calibration, _FEW[precision])
        self.steps: List[Step] = []

    def _fits_int8(self, layer: Layer) -> bool:
        """Whether it takes what is never negative, so that padding is 0 in bytes, too, and no level
        is wasted. The first layer and the last one, which take signed values, are small.
        """
        return self.observed.ranges[layer.node.input[0]][0] >= 0

    def result(self) -> Found:
        kept: FrozenSet[str] = frozenset()
        order: Sequence[str] = ()
        if not self._inside(kept, few=True):
            order = self._order()
            kept = self._keep(order, 0, few=True)
            kept = self._lower_again(kept)
        if not self._inside(kept, few=False):
            # What few images did not show: from here on all of them are looked at.
            order = order or self._order()
            first = [name for name in order if name in kept]
            rest = [name for name in order if name not in kept]
            kept = self._keep([*first, *rest], len(kept), few=False)
        return self._found(kept)

    # -- measuring -------------------------------------------------------------------------------

    def _inside(self, kept: FrozenSet[str], few: bool) -> bool:
        images = len(self.calibration.checking)
        count = min(_FEW[self.precision], images) if few else images
        for step in self.steps:
            if step.kept == self._in_order(kept) and step.measured.images == count:
                return self.guard.inside(step.measured, self.tolerance)
        measured = self.guard.measure(self._lowered(kept), few)
        inside = self.guard.inside(measured, self.tolerance)
        self.steps.append(Step(self._in_order(kept), measured))
        self.report(
            f"{self.precision}, {_but(self._in_order(kept))}: "
            f"MAE {measured.error:.5f} on {measured.images} images, {measured.increase:+.5f}, "
            f"{'inside' if inside else 'outside'} {self.tolerance:g}; difference from fp32 "
            f"{measured.difference:.5f}"
        )
        return inside

    def _lowered(self, kept: FrozenSet[str]) -> bytes:
        low = [name for name in self.names if name not in kept]
        if self.emulated:
            return in_bf16(self.network, low)
        return in_int8(self.network, low, self.observed)

    def _in_order(self, kept: FrozenSet[str]) -> Tuple[str, ...]:
        return tuple(name for name in self.names if name in kept)

    # -- choosing --------------------------------------------------------------------------------

    def _order(self) -> List[str]:
        """Layers by what they lose for the time that they cost, the worst first."""
        rounding = bf16_rounding() if self.emulated else int8_rounding(self.observed)
        lost = sensitivity(
            self.network, self.names, rounding, self.calibration.fitting[:_LOSS_IMAGES]
        )
        border = _BORDER * sum(self.costs.values())
        return sorted(self.names, key=lambda name: -lost[name] / (self.costs[name] + border))

    def _keep(self, order: Sequence[str], outside: int, few: bool) -> FrozenSet[str]:
        """The first layers of ``order``, as few as bring the maps inside; ``outside`` do not."""
        count = outside + 1
        while not self._enough(order, count, few):
            outside, count = count, count + max(1, count // 2)
        while count - outside > 1:
            middle = (outside + count) // 2
            if self._inside(frozenset(order[:middle]), few):
                count = middle
            else:
                outside = middle
        return frozenset(order[:count])

    def _enough(self, order: Sequence[str], count: int, few: bool) -> bool:
        if count < len(order):
            return self._inside(frozenset(order[:count]), few)
        best = min(self.steps, key=lambda step: step.measured.increase)
        raise QuantizationError(
            f"no network in {self.precision} is within {self.tolerance:g}: the nearest, with "
            f"{len(best.kept)} of {len(order)} layers in fp32, is off by "
            f"{best.measured.increase:+.5f}, its maps by {best.measured.difference:.5f}; allow a "
            "larger increase, give calibration images like those that the network is for, with "
            "masks if there are any, or export in fp32"
        )

    def _lower_again(self, kept: FrozenSet[str]) -> FrozenSet[str]:
        largest = sorted(kept, key=lambda name: (-self.costs[name], name))
        for name in largest[:_TRIED_AGAIN] if len(kept) > 1 else ():
            if self._inside(kept - {name}, few=True):
                kept = kept - {name}
        return kept

    # -- telling ---------------------------------------------------------------------------------

    def _found(self, kept: FrozenSet[str]) -> Found:
        low = [name for name in self.names if name not in kept]
        whole = self._in_order(kept)
        measured = next(
            step.measured
            for step in reversed(self.steps)
            if step.kept == whole and step.measured.images == len(self.calibration.checking)
        )
        content = self.model if self.emulated else self._lowered(kept)
        times = None if self.emulated else self.guard.milliseconds(content)
        found = Found(
            content=content,
            precision=self.precision,
            fp32_layers=tuple(
                layer.name for layer in self.network.layers.values() if layer.name not in low
            ),
            float_nodes=tuple(Plan(self.network, low).float_nodes()),
            steps=tuple(self.steps),
            images=measured.images,
            error=self.guard.error,
            increase=measured.increase,
            difference=measured.difference,
            against="masks" if self.calibration.has_masks else "fp32",
            share=sum(self.costs[name] for name in low) / sum(self.costs.values()),
            guard=self.guard,
            milliseconds=times,
        )
        self.report(_summary(found))
        return found


def _but(kept: Sequence[str]) -> str:
    if not kept:
        return "all layers"
    names = ", ".join(kept[:_SHOWN])
    return f"all but {len(kept)} layers ({names}{', ...' if len(kept) > _SHOWN else ''})"


def _summary(found: Found) -> str:
    text = (
        f"{found.precision}: {found.share:.0%} of the multiply-adds; {len(found.fp32_layers)} "
        f"layers stay in fp32; increase {found.increase:+.5f} on {found.images} images against "
        f"{found.against}"
    )
    if found.milliseconds is None:
        return f"{text}; emulated, so without a time"
    before, after = found.milliseconds
    slower = "; it is not faster on this machine" if after >= before else ""
    return f"{text}; ONNX Runtime here: fp32 {before:.0f} ms, now {after:.0f} ms{slower}"
