"""Whether there is an object in a picture at all, from the network's map of it."""

from __future__ import annotations

import numpy as np

# A share of the map this large is looked at: a few certain pixels are no object.
_PART = 0.005


def presence(probability: np.ndarray) -> float:
    """How sure it is that the picture shows an object, 0 to 1.

    Args:
        probability: (K, h, w), of `Pipeline.probabilities`. A map that was stretched to go from 0
            to 1, as those of `Pipeline.restore` may be, shows an object everywhere.
    """
    plane = probability[0] if len(probability) == 1 else 1 - probability[0]
    return float(np.clip(np.quantile(plane, 1 - _PART), 0, 1))
