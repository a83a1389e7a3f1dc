"""The fastest network of a lower precision whose maps stay within a tolerance. All layers are
lowered first. While the maps are outside, layers go back to float32, first those that lose most for
the time that they cost. Then those that need not stay are lowered again.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, NamedTuple, Sequence, Tuple

from paddleseg_u2net.export.quantization.bf16 import BF16, in_bf16
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.graph import Layer, Network, Plan, QuantizationError
from paddleseg_u2net.export.quantization.guard import Guard, Measured
from paddleseg_u2net.export.quantization.int8 import in_int8, int8_rounding
from paddleseg_u2net.export.quantization.observe import observe, sensitivity
from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_list

_LOSS_IMAGES = 4
# Of all multiply-adds: what a border between two precisions costs beside those of the layer.
_BORDER = 0.01
# Layers whose return to the lower precision is tried.
_TRIED_AGAIN = 16


class Found(NamedTuple):
    """The network that is inside the tolerance.

    Attributes:
        content: the ONNX file. int8: with 8 bits in it. bf16: the network as it came, to be run
            with ``float_nodes`` in float32 and the rest in bfloat16.
        float_nodes: names of all nodes of the file that work in float32.
        described: what was measured: the ``increase`` of the mean absolute error ``against`` masks
            or fp32, which has the ``error``, and the mean absolute ``difference`` from the maps of
            fp32, on so many ``images``; the layers that are ``kept`` in float32, the ``share`` of
            multiply-adds that are not, how many networks were ``measured``.
        guard: what measured it, to measure the files that are written of it.
    """

    content: bytes
    float_nodes: Tuple[str, ...]
    described: Dict[str, Any]
    guard: Guard


def search(
    model: bytes,
    calibration: Calibration,
    tolerance: float,
    precision: str = "int8",
) -> Found:
    """Find the fastest network of ``precision`` (bf16 is emulated) within the tolerance for the
    increase of the mean absolute error, which is estimated without masks, see `Guard`. The same
    images give the same network. QuantizationError: none is inside; ``onnxruntime`` is missing.
    """
    trials = _Search(model, calibration, tolerance, precision)
    kept: FrozenSet[str] = frozenset()
    if not trials.inside(kept):
        kept = trials.lower_again(trials.keep(trials.order()))
    return trials.found(kept)


class _Search:
    def __init__(
        self, model: bytes, calibration: Calibration, tolerance: float, precision: str
    ) -> None:
        self.model, self.network, self.precision = model, Network(model), precision
        self.calibration, self.tolerance = calibration, tolerance
        self.emulated = precision == "bf16"
        self.observed = observe(self.network, calibration.fitting)
        self.costs = self.observed.multiply_adds
        self.names = [
            layer.name
            for layer in self.network.layers.values()
            if self.emulated or self._fits_int8(layer)
        ]
        self.guard = Guard(model, calibration)
        self.measured: Dict[FrozenSet[str], Measured] = {}  # by the layers in float32

    def _fits_int8(self, layer: Layer) -> bool:
        """Whether it takes what is never negative, so that padding is 0 in bytes, too, and no level
        is wasted. The first layer and the last one, which take signed values, are small.
        """
        return self.observed.ranges[layer.node.input[0]][0] >= 0

    def inside(self, kept: FrozenSet[str]) -> bool:
        if kept in self.measured:
            return self.guard.inside(self.measured[kept], self.tolerance)
        measured = self.measured[kept] = self.guard.measure(self._lowered(kept))
        inside = self.guard.inside(measured, self.tolerance)
        names = [name for name in self.names if name in kept]
        but = f"all but {len(names)} layers ({short_list(names)})" if names else "all layers"
        logger.info(
            f"{self.precision}, {but}: MAE {measured.error:.5f} on {measured.images} images, "
            f"{measured.increase:+.5f}, {'inside' if inside else 'outside'} {self.tolerance:g}; "
            f"difference from fp32 {measured.difference:.5f}"
        )
        return inside

    def _lowered(self, kept: FrozenSet[str]) -> bytes:
        low = [name for name in self.names if name not in kept]
        if self.emulated:
            return in_bf16(self.network, low)
        return in_int8(self.network, low, self.observed)

    def order(self) -> List[str]:
        """Layers by what they lose for the time that they cost, the worst first."""
        rounding = BF16 if self.emulated else int8_rounding(self.observed)
        images = self.calibration.fitting[:_LOSS_IMAGES]
        lost = sensitivity(self.network, self.names, rounding, images)
        border = _BORDER * sum(self.costs.values())
        return sorted(self.names, key=lambda name: -lost[name] / (self.costs[name] + border))

    def keep(self, order: Sequence[str]) -> FrozenSet[str]:
        """The first layers of ``order``, as few as bring the maps inside."""
        outside, count = 0, 1
        while count < len(order) and not self.inside(frozenset(order[:count])):
            outside, count = count, count + max(1, count // 2)
        if count >= len(order):
            kept, best = min(self.measured.items(), key=lambda item: item[1].increase)
            raise QuantizationError(
                f"no network in {self.precision} is within {self.tolerance:g}: the nearest, with "
                f"{len(kept)} of {len(order)} layers in fp32, is off by {best.increase:+.5f}, its "
                f"maps by {best.difference:.5f}; allow a larger increase, give calibration images "
                "like those that the network is for, with masks if there are any, or export in fp32"
            )
        while count - outside > 1:
            middle = (outside + count) // 2
            if self.inside(frozenset(order[:middle])):
                count = middle
            else:
                outside = middle
        return frozenset(order[:count])

    def lower_again(self, kept: FrozenSet[str]) -> FrozenSet[str]:
        largest = sorted(kept, key=lambda name: (-self.costs[name], name))
        for name in largest[:_TRIED_AGAIN] if len(kept) > 1 else ():
            if self.inside(kept - {name}):
                kept = kept - {name}
        return kept

    def found(self, kept: FrozenSet[str]) -> Found:
        low = [name for name in self.names if name not in kept]
        whole = [layer.name for layer in self.network.layers.values() if layer.name not in low]
        measured = self.measured[kept]
        share = sum(self.costs[name] for name in low) / sum(self.costs.values())
        against = "masks" if self.calibration.has_masks else "fp32"
        logger.info(
            f"{self.precision}: {share:.0%} of the multiply-adds; {len(whole)} layers stay in "
            f"fp32; increase {measured.increase:+.5f} on {measured.images} images against {against}"
        )
        described = {
            "increase": measured.increase,
            "difference": measured.difference,
            "against": against,
            "error": self.guard.error,
            "images": measured.images,
            "kept": whole,
            "share": share,
            "measured": len(self.measured),
        }
        content = self.model if self.emulated else self._lowered(kept)
        nodes = tuple(Plan(self.network, low).float_nodes())
        return Found(content, nodes, described, self.guard)
