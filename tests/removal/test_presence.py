"""How sure it is that there is an object, and what is made of a picture without one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.removal import Options, Remover

MEAN = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def remover_of(network, **preprocess) -> Remover:
    return Remover(Pipeline(network, Preprocess(**MEAN, **preprocess)))


def faint(batch: np.ndarray) -> np.ndarray:
    """Logits of a network that is hardly less unsure of what is bright."""
    return batch[:, :1] * 0.1 - 4


def test_a_refused_picture_is_transparent_and_says_so():
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[5:15, 10:20] = 255
    remover = remover_of(faint, type="official")
    kept = remover(picture)
    assert kept.found and kept.box == (10, 5, 20, 15)  # the stretched map
    refused = remover(picture, Options(presence=0.5))
    assert not refused.found and refused.box is None and refused.area == 0
    assert refused.presence == kept.presence < 0.5
    assert not refused.picture.any() and refused.picture.shape == (20, 30, 4)
    assert not remover(picture, Options(presence=0.5, only="mask")).picture.any()
    background = remover(picture, Options(presence=0.5, only="background")).picture
    assert (background == np.dstack([picture, np.full((20, 30), 255, np.uint8)])).all()


def test_padding_is_not_looked_at():
    """A network that is sure of the padding, which is not of the picture."""

    def beside(batch: np.ndarray) -> np.ndarray:
        return np.where(np.abs(batch[:, :1]) < 0.01, 20.0, -20.0).astype(np.float32)

    remover = remover_of(beside, fit=[{"pad": [60, 60], "value": 127.5}])
    found = remover(np.zeros((20, 30, 3), np.uint8))
    assert found.presence < 0.01 and not found.found


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan, "0.5", None])
def test_a_threshold_is_a_share(wrong):
    with pytest.raises(ValueError, match=r"presence: expected a number of 0 \(keep all\) to 1"):
        Options(presence=wrong)
