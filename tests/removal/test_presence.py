"""How sure it is that there is an object, and what is made of a picture without one."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.inference.backends.backend import EngineNetwork
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Remover
from paddleseg_u2net.removal.presence import PRESENT, outline, presence

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
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
    assert "it shows no object: its presence is below 0.5" in refused.notes[0]
    assert kept.notes == ("it may show no object: its presence is below 0.5",)
    assert not remover(picture, Options(presence=0.5, only="mask")).picture.any()
    background = remover(picture, Options(presence=0.5, only="background")).picture
    assert (background == np.dstack([picture, np.full((20, 30), 255, np.uint8)])).all()


def disc(size=320, radius=0.25, blur=0.0, height=1.0) -> np.ndarray:
    """The map (1, h, w) of a disc; its edge goes from 1 to 0 within ``blur`` of the side."""
    rows, columns = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    inside = (radius - np.hypot(rows, columns)) / max(blur, 1 / size) + 0.5
    return (height * np.clip(inside, 0, 1)).astype(np.float32)[None]


def test_what_is_sharp_and_sure_is_an_object():
    blurs = [presence(disc(blur=blur)) for blur in (0, 0.02, 0.05, 0.1, 0.2, 0.5)]
    heights = [presence(disc(height=height)) for height in (1, 0.7, 0.5, 0.3, 0.1, 0)]
    lengths = [presence(disc(radius=radius)) for radius in (0.4, 0.2, 0.1, 0.05, 0.02, 0)]
    for scores in (blurs, heights, lengths):
        assert all(high > low for high, low in zip(scores, scores[1:]))
        assert 0 <= scores[-1] < 0.1 and 0.95 < scores[0] <= 1
    assert presence(disc(radius=0.06)) > PRESENT  # 1 % of the picture


def test_terms_are_those_of_closed_forms():
    """A step of height a in the middle of 80 columns: slopes of a / 2 in two of them."""
    for height in (1.0, 0.5):
        step = np.zeros((1, 80, 80), np.float32)
        step[..., 40:] = height
        sharpness, length = outline(step)
        assert sharpness == pytest.approx(2 * 80 * (height / 2) ** 2 / (80 * height + 1), abs=1e-5)
        assert length == pytest.approx(np.log1p(10 * height), abs=1e-5)
    assert outline(np.full((1, 80, 80), 0.7)) == pytest.approx((0, 0), abs=1e-6)


def test_where_and_how_large_is_all_the_same():
    shifted = np.roll(disc(radius=0.15), (40, -64), (1, 2))
    assert presence(shifted) == pytest.approx(presence(disc(radius=0.15)), abs=1e-6)
    sizes = [presence(disc(size, blur=0.05)) for size in (160, 320, 640)]
    assert max(sizes) - min(sizes) < 0.02


@pytest.mark.parametrize("value", [0, 0.5, 1, np.nan])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (1, 320, 320), (1, 7, 5), (3, 1, 1)])
def test_a_map_without_an_edge_shows_nothing(value, shape):
    assert 0 <= presence(np.full(shape, value, np.float32)) < 0.01


def test_a_hole_of_nan_counts_as_background():
    holed = disc()
    holed[0, :20] = np.nan
    assert presence(holed) == pytest.approx(presence(disc()))


def test_of_several_classes_all_but_the_first_count():
    one = disc(blur=0.1)[0]
    two, three = np.stack([1 - one, one]), np.stack([1 - one, one * 0.25, one * 0.75])
    for probability in (two, three):
        assert presence(probability) == pytest.approx(presence(one[None]), abs=1e-5)
    assert presence(one[None].astype(np.float64)) == pytest.approx(presence(one[None]))


def test_every_output_type_is_seen_before_stretching():
    """Networks that say the same as logits, as probabilities, and as class numbers."""
    logits = (20 * disc(64, blur=0.3) - 17)[None].astype(np.float32)  # 0.95 in the middle
    sure = 1 / (1 + np.exp(-logits))
    scores = []
    for kind, given in (("logits", logits), ("probability", sure), ("argmax", sure[:, 0] > 0.5)):
        network = EngineNetwork(lambda batch, given=given: given, "drawn", kind, 1)
        found = remover_of(network, type="official")(np.zeros((64, 64, 3), np.uint8))
        assert found.alpha.max() == 255
        scores.append(found.presence)
    assert scores[0] == pytest.approx(scores[1], abs=1e-5) and scores[1] < PRESENT
    assert scores[2] > PRESENT  # a class number is never unsure


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


@pytest.mark.realdata
@pytest.mark.slow
def test_photographs_and_empty_pictures(shared, monkeypatch):
    """A part of the held-out half of `benchmarks/presence.py`, by both files of the weights."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    benchmark = runpy.run_path(str(BENCHMARKS / "presence.py"))
    files = ("u2netp_rembg.onnx", "u2netp.pth")  # float32; rounded to float16
    models = [load_model(shared / "weights" / name, threads=1).pipeline for name in files]
    cases = [case for case in benchmark["cases"](16, 2) if case.group != benchmark["HARDER"]]
    cases = cases[:22:3] + cases[22:]  # of the drawings a third
    found = [benchmark["look"](models[0], case) for case in cases]
    kept = [one.score >= PRESENT for one in found if one.group == benchmark["OBJECTS"]]
    assert len(kept) == 8 and sum(kept) >= 7
    alarms = [one.score >= PRESENT for one in found if not benchmark["shows"](one)]
    assert len(alarms) >= 12 and sum(alarms) <= 2
    for case, one in zip(cases[::5], found[::5]):
        assert abs(benchmark["look"](models[1], case).score - one.score) < 0.05
