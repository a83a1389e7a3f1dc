"""Saliency maps against the points or the density of fixations: NSS, CC, SIM, KLD."""

from __future__ import annotations

import numpy as np

from paddleseg_u2net.metrics.fixation.fixation_pair import FixationMetric, FixationPair
from paddleseg_u2net.metrics.scores import Score, register

NAN = float("nan")


@register(
    Score(
        "NSS",
        "fixation",
        "standardised map (over n-1) at the fixations",
        source="Peters et al. 2005",
        needs="points",
    ),
    order=40,
)
class NormalisedScanpathSaliency(FixationMetric):
    """NSS: mean at the fixations of the map with mean 0 and deviation 1, mean over images.

    Higher is better; 0 is chance, below 0 is worse than that. It has no bound: about 2 to 3 is
    good on human fixations. Source: Peters et al. 2005, "Components of bottom-up gaze allocation in
    natural images", Vision Research; Bylinskii et al. 2019, "What do different evaluation metrics
    tell us about saliency models?", TPAMI.

    Corner cases: a point that is there twice counts twice (MIT: once; see `Fixations.distinct`). No
    points, or a constant map (so a 1x1 image too): undefined, as MATLAB's NaN; pysaliency says 0
    of a constant map.

    Args:
        ddof: The variance is a sum over n pixels divided by n - ddof: 1 as in MIT's MATLAB code, 0
            as in pysaliency.
    """

    def __init__(self, ddof: int = 1) -> None:
        if ddof not in (0, 1):
            raise ValueError(f"expected ddof 0 or 1, got {ddof}")
        self.ddof = ddof
        super().__init__()

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        points = pair.at_points(pair.prediction)
        if not points.size or pair.constant:
            return NAN
        here = float(points.mean(dtype=np.float64)) / pair.range[1]
        values = pair.values
        return (here - float(values.mean())) / float(values.std(ddof=self.ddof))


@register(
    Score(
        "CC",
        "fixation",
        "correlation with the density",
        source="Bylinskii et al. 2019",
        needs="density",
    ),
    order=50,
)
class CorrelationCoefficient(FixationMetric):
    """CC: Pearson's correlation of the map with the density of fixations, mean over images.

    Higher is better, in [-1, 1]; 0 is chance. Source: Bylinskii et al. 2019, TPAMI.

    Corner cases: no density, or map or density constant (so a 1x1 image, and a mask that covers
    it all): undefined, as MATLAB's NaN; pysaliency says 0 where only the map is constant.
    """

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        density = pair.density
        if density is None or pair.constant or density.min() == density.max():
            return NAN
        x = pair.values - pair.values.mean()
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
    ),
    order=60,
)
class Similarity(FixationMetric):
    """SIM: what map and density have in common, each with a sum of 1; mean over images.

    Higher is better, in [0, 1]: the sum over pixels of the smaller of the two. Source: Judd et al.
    2012, MIT-CSAIL-TR-2012-001; Bylinskii et al. 2019, TPAMI.

    Corner cases: no density: undefined. An all-zero map scores 0, as in MIT's code. Any other
    constant map, or a constant density (a mask that covers it all), has no min-max stretch and is
    undefined with ``minmax``; with ``none`` it is the uniform distribution. pysaliency takes an
    all-zero map for the uniform one.

    Args:
        stretch: "minmax" moves the minimum of both to 0 first, so that a map gains nothing by being
            above 0 everywhere, as MIT's MATLAB code; "none" leaves them, as pysaliency.
    """

    def __init__(self, stretch: str = "minmax") -> None:
        if stretch not in ("minmax", "none"):
            raise ValueError(f"expected stretch to be minmax or none, got {stretch!r}")
        self.stretch = stretch
        super().__init__()

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        mass, density = pair.mass, pair.density
        if density is None:
            return NAN
        if mass is None:
            return 0.0
        if self.stretch == "minmax":
            # Of the masses, since dividing by the sum may make equal what differs by a bit.
            if mass.min() == mass.max() or density.min() == density.max():
                return NAN
            mass, density = _from_zero(mass), _from_zero(density)
        return min(1.0, float(np.minimum(mass, density).sum()))


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
    ),
    order=70,
)
class KullbackLeiblerDivergence(FixationMetric):
    """KLD: information lost where the map stands for the density of fixations, mean over images.

    Lower is better, in nats, 0 and more: the sum of D log(eps + D / (eps + S)) for the density D
    and the map S, each with a sum of 1. So it is the divergence of the density from the map, which
    punishes a map that is 0 where people looked; no map by more than log(1 / eps), about 36.
    Rounding and eps may put a perfect map a little below 0. Source: Bylinskii et al. 2019, TPAMI.

    Corner cases: no density: undefined. An all-zero map stays one, as in MIT's code, and scores
    log(D / eps) on average; pysaliency takes it for the uniform distribution.

    Args:
        eps: The regularisation, > 0; MATLAB's eps, as MIT's code and pysaliency's ``MIT_KLDiv``
            write it.
    """

    def __init__(self, eps: float = 2.2204e-16) -> None:
        if not 0 < eps < 1:
            raise ValueError(f"expected eps in (0, 1), got {eps}")
        self.eps = eps
        super().__init__()

    def score(self, pair: FixationPair) -> float:
        """Return the score of one image, NaN where it is not defined."""
        density = pair.density
        if density is None:
            return NAN
        # Where the density is 0 nothing is added.
        there = np.flatnonzero(density)
        density = density[there]
        mass = np.zeros(1) if pair.mass is None else pair.mass[there]
        return float((density * np.log(self.eps + density / (mass + self.eps))).sum())
