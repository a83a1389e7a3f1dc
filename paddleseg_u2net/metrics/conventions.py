"""What toolboxes disagree about, by name; a number without these is worth little."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, fields, replace
from typing import Any, Union

from paddleseg_u2net.metrics.normalise import STRETCHES

_WORDS = {
    "stretch": STRETCHES,
    "mae_stretch": STRETCHES,
    "e_divisor": ("n-1", "n"),
    "empty_masks": ("count", "leave_out"),
}
_NUMBERS: dict[str, tuple[Any, float, float]] = {
    "mask_above": (numbers.Integral, 0, 254),
    "threshold": (numbers.Real, 1e-6, 1),
    "beta2": (numbers.Real, 1e-6, 1e6),
    "weighted_beta2": (numbers.Real, 1e-6, 1e6),
    "slack": (numbers.Real, 0, 100),
    "num_classes": (numbers.Integral, 1, 1e6),
}


def check(name: str, value: Any) -> None:
    """Raise ValueError unless the convention of this name, or ``num_classes``, may be so."""
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise ValueError(f"{name}: expected {' or '.join(_WORDS[name])}, got {value!r}")
        return
    kind, low, high = _NUMBERS[name]
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        what = "a whole number" if kind is numbers.Integral else "a number"
        raise ValueError(f"{name}: expected {what} in [{low:g}, {high:g}], got {value!r}")


@dataclass(frozen=True)
class Conventions:
    """How maps and masks are read before they are scored, and the constants of the scores."""

    mask_above: int = 127  # pixels of an 8-bit mask above this value are the object; 0..254
    stretch: str = "none"  # how maps are normalised for the saliency scores; see `normalise`
    mae_stretch: str = "none"
    threshold: float = 0.5  # where a map becomes a mask, for segmentation and boundary scores
    beta2: float = 0.3  # weight of precision in F and relaxed F, beta squared
    weighted_beta2: float = 1.0
    slack: float = 3  # pixels by which a boundary may be off in relaxed F
    e_divisor: str = "n"  # of E, a sum over n pixels
    empty_masks: str = "count"  # or "leave_out": in the saliency and boundary scores

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check(name, value)

    def in_words(self) -> str:
        """Return all of it, for a line under a table."""
        return ", ".join(f"{name} {value}" for name, value in vars(self).items())

    @property
    def title(self) -> str:
        """The name of the preset that this is, or of the nearest one and what differs."""
        changes = {
            name: [f"{k}={v}" for k, v in vars(self).items() if v != getattr(preset, k)]
            for name, preset in PRESETS.items()
        }
        nearest = min(changes, key=lambda name: len(changes[name]))
        changed = ", ".join(changes[nearest])
        return f"{nearest} with {changed}" if changed else nearest


PRESETS: dict[str, Conventions] = {
    # Maps as they are, masks cut at one half, sums divided as the papers print them.
    "paper": Conventions(),
    # PySODMetrics 1.6.2, and most tables of recent years.
    "pysodmetrics": Conventions(
        mask_above=128, stretch="minmax", mae_stretch="minmax", e_divisor="n-1"
    ),
    # The MATLAB code that many saliency benchmarks were computed with: masks at 0.1 and more.
    "matlab": Conventions(mask_above=25, stretch="max", mae_stretch="minmax", e_divisor="n-1"),
}


def make_conventions(preset: Union[str, Conventions] = "paper", **changes: Any) -> Conventions:
    """Return a preset, with some of its values changed; ValueError lists what there is."""
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
        preset = PRESETS[preset]
    known = [field.name for field in fields(Conventions)]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(
            f"conventions: there is no {', '.join(unknown)}; there are {', '.join(known)}"
        )
    return replace(preset, **changes)
