"""What toolboxes disagree about, by name; a number without these is worth little."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Union

from paddleseg_u2net.metrics.normalise import STRETCHES, check_stretch

DIVISORS = ("n-1", "n")
"""What E's sum over the N pixels may be divided by; see `EMeasure`."""
EMPTY_MASKS = ("count", "leave_out")


@dataclass(frozen=True)
class Conventions:
    """How maps and masks are read before they are scored, and the constants of the scores.

    Attributes:
        mask_above: Pixels of an 8-bit mask file above this value are the object; 0..254.
        stretch: How each map is normalised before the saliency scores; see `normalise`. The
            segmentation, boundary and fixation scores always see the map as it is.
        mae_stretch: The same for MAE.
        threshold: Where a map becomes a mask, for the segmentation and boundary scores. A model of
            two classes takes the more probable one for segmentation, whatever this says.
        beta2: Weight of precision in F and relaxed F, beta squared.
        weighted_beta2: The same in the weighted F.
        slack: Pixels by which a boundary may be off in relaxed F.
        e_divisor: E is a sum over N pixels divided by ``n-1`` or by ``n``.
        empty_masks: Whether images without an object ``count`` in the saliency and boundary
            scores or are left out (``leave_out``; how many is reported).

    Raises:
        ValueError: a value is not one of those.
    """

    mask_above: int = 127
    stretch: str = "none"
    mae_stretch: str = "none"
    threshold: float = 0.5
    beta2: float = 0.3
    weighted_beta2: float = 1.0
    slack: int = 3
    e_divisor: str = "n"
    empty_masks: str = "count"

    def __post_init__(self) -> None:
        check_stretch(self.stretch)
        check_stretch(self.mae_stretch)
        for name, known in (("e_divisor", DIVISORS), ("empty_masks", EMPTY_MASKS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}: expected {' or '.join(known)}, got {getattr(self, name)!r}"
                )
        for name, kind, low, high in (
            ("mask_above", int, 0, 254),
            ("threshold", (int, float), 1e-6, 1.0),
            ("beta2", (int, float), 1e-6, 1e6),
            ("weighted_beta2", (int, float), 1e-6, 1e6),
            ("slack", int, 0, 100),
        ):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                what = "a whole number" if kind is int else "a number"
                raise ValueError(f"{name}: expected {what} in [{low:g}, {high:g}], got {value!r}")

    def in_words(self) -> str:
        """Return all of it, for a line under a table."""
        words = ("as they are", "stretched to 0..1", "divided by their maximum")
        stretch = dict(zip(STRETCHES, words))
        return (
            f"object where the mask is above {self.mask_above}; saliency scores of maps "
            f"{stretch[self.stretch]}, MAE {stretch[self.mae_stretch]}, all others of maps as they "
            f"are, cut at {self.threshold:g} for segmentation and boundary; beta2 {self.beta2:g}, "
            f"weighted F {self.weighted_beta2:g}; relaxed F slack {self.slack}; E over "
            f"{self.e_divisor}; images without an object "
            f"{'count' if self.empty_masks == 'count' else 'are left out'}"
        )

    @property
    def title(self) -> str:
        """The name of the preset that this is, or of the nearest one and what differs."""

        def differences(name: str) -> list[str]:
            known = PRESETS[name]
            return [
                f"{field.name}={getattr(self, field.name)}"
                for field in fields(self)
                if getattr(self, field.name) != getattr(known, field.name)
            ]

        nearest = min(PRESETS, key=lambda each: len(differences(each)))
        changed = ", ".join(differences(nearest))
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
    """Return a preset, with some of its values changed.

    Raises:
        ValueError: there is no such preset or value; the message lists what there is.
    """
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
