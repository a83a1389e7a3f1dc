"""Saliency maps against the points or the density of fixations: NSS, CC, SIM, KLD."""

from __future__ import annotations

import numpy as np

from paddleseg_u2net.metrics.map_mask_pair import MapMaskPair
from paddleseg_u2net.metrics.metric import FixationMetric
from paddleseg_u2net.metrics.scores import Score, register

NAN = float("nan")
_EPS = 2.2204e-16  # MATLAB's, as MIT's code and pysaliency write it


@register(
    Score(
        "NSS",
        "fixation",
        "standardised map (over n-1) at the fixations",
        source="Peters et al. 2005",
        needs="points",
    )
)
class NormalisedScanpathSaliency(FixationMetric):
    """NSS: mean at the fixations of the map with mean 0 and deviation 1 (over n - 1, as MATLAB).

    About 2 to 3 is good on human fixations. Source: Peters et al. 2005, "Components of bottom-up
    gaze allocation in natural images", Vision Research. pysaliency divides by n.
    """

    def score(self, pair: MapMaskPair) -> float:
        points = pair.at_points(pair.prediction)
        if not points.size or pair.constant:
            return NAN
        here = float(points.mean(dtype=np.float64)) / pair.range[1]
        values = pair.relative
        return (here - float(values.mean())) / float(values.std(ddof=1))


@register(
    Score(
        "CC",
        "fixation",
        "correlation with the density",
        source="Bylinskii et al. 2019",
        needs="density",
    )
)
class CorrelationCoefficient(FixationMetric):
    """CC: Pearson's correlation of the map with the density of fixations, mean over images.

    Source: Bylinskii et al. 2019, "What do different evaluation metrics tell us about saliency
    models?", TPAMI.
    """

    def score(self, pair: MapMaskPair) -> float:
        density = pair.density
        if density is None or pair.constant or density.min() == density.max():
            return NAN
        x = pair.relative - pair.relative.mean()
        y = density - density.mean()
        correlation = float(x @ y) / (float(np.sqrt(x @ x)) * float(np.sqrt(y @ y)))
        return min(1.0, max(-1.0, correlation))


@register(
    Score(
        "SIM",
        "fixation",
        "overlap with the density, both from 0",
        source="Bylinskii et al. 2019",
        needs="density",
    )
)
class Similarity(FixationMetric):
    """SIM: sum over pixels of the smaller of map and density, each from 0 and with a sum of 1.

    Source: Judd et al. 2012, MIT-CSAIL-TR-2012-001; Bylinskii et al. 2019, TPAMI. As MIT's code;
    pysaliency does not move the minimum to 0.
    """

    def score(self, pair: MapMaskPair) -> float:
        mass, density = pair.mass, pair.density
        if density is None:
            return NAN
        if mass is None:
            return 0.0
        # Of the masses, since dividing by the sum may make equal what differs by a bit.
        if mass.min() == mass.max() or density.min() == density.max():
            return NAN
        return min(1.0, float(np.minimum(_from_zero(mass), _from_zero(density)).sum()))


def _from_zero(mass: np.ndarray) -> np.ndarray:
    """Return a distribution with its minimum moved to 0, not constant, again with a sum of 1."""
    low = mass.min()
    if low == 0:
        return mass
    mass = mass - low
    return mass / mass.sum()


@register(
    Score(
        "KLD",
        "fixation",
        "divergence from the density, nats",
        source="Bylinskii et al. 2019",
        higher_is_better=False,
        needs="density",
    )
)
class KullbackLeiblerDivergence(FixationMetric):
    """KLD: sum of D log(eps + D / (eps + S)) for density D and map S, in nats, mean over images.

    Each has a sum of 1. It punishes a map that is 0 where people looked, by log(1 / eps), about 36,
    at most. Source: Bylinskii et al. 2019, TPAMI; an all-zero map stays one, as in MIT's code.
    """

    def score(self, pair: MapMaskPair) -> float:
        density = pair.density
        if density is None:
            return NAN
        # Where the density is 0 nothing is added.
        there = np.flatnonzero(density)
        density = density[there]
        mass = np.zeros(1) if pair.mass is None else pair.mass[there]
        return float((density * np.log(_EPS + density / (mass + _EPS))).sum())
