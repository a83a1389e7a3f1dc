"""Matting: the equations beside pymatting's, tiles without seams, edges nearer to the truth."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.removal import Options, Remover
from paddleseg_u2net.removal.alpha import band, closed_form, matted, refined, tiles
from paddleseg_u2net.removal.alpha.trimap import Trimap, of_map, of_solved

pytest.importorskip("scipy")


def scene(height=120, width=160, strands=60, seed=0):
    """(image, opacity in [0, 1]) of a disc with strands, in patterned colours."""
    rng = np.random.default_rng(seed)
    fine = np.zeros((4 * height, 4 * width), np.uint8)
    middle = np.array([2 * width, 2 * height])
    cv2.circle(fine, tuple(map(int, middle)), height, 255, -1)
    for angle, length in rng.uniform((0, 1.1), (2 * np.pi, 1.5), (strands, 2)):
        end = middle + length * height * np.array([np.cos(angle), np.sin(angle)])
        cv2.line(fine, tuple(map(int, middle)), tuple(map(int, end)), 255, 4)
    opacity = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA) / 255.0
    own, other = (
        cv2.resize(rng.uniform(-40, 40, (6, 8, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
        + centre
        for centre in ((190, 120, 60), (60, 110, 180))
    )
    share = opacity[..., None]
    return np.rint(share * own + (1 - share) * other).clip(0, 255).astype(np.uint8), opacity


def map_of(opacity, pixel=4):
    """What a network sees: small, blurred, enlarged; uint8."""
    height, width = opacity.shape
    small = cv2.resize(opacity, (width // pixel, height // pixel), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.7)
    return np.rint(cv2.resize(small, (width, height)) * 255).astype(np.uint8)


def wide(opacity, reach=9):
    """A trimap of an opacity, with a band of ``reach`` pixels on both sides."""
    share = np.clip(opacity, 0, 1).astype(np.float32)
    mixed = ((share > 0.02) & (share < 0.98)).astype(np.uint8)
    unknown = cv2.dilate(mixed, np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    values = np.where(unknown, share, share >= 0.5).astype(np.float32)
    return Trimap(unknown, values, np.full(share.shape, 1e-8))


@pytest.mark.parametrize("seed", range(3))
def test_the_equations_are_pymattings(seed):
    alpha_cf = pytest.importorskip("pymatting").estimate_alpha_cf
    image, opacity = scene(90, 120, seed=seed)
    unknown, values, tie = wide(opacity, 3)
    trimap = np.where(unknown, 0.5, values).astype(np.float64)
    expected = alpha_cf(image / 255.0, trimap)
    found = closed_form.solved(image, values, unknown, tie)
    # Both within half a level, and the tie moves less than that.
    assert np.abs(found - expected).max() * 255 < 1
    np.testing.assert_array_equal(found[~unknown], values[~unknown])


def test_the_laplacian_is_pymattings():
    laplacian = pytest.importorskip("pymatting").cf_laplacian
    image, _ = scene(12, 15)
    places, windows = closed_form._windows(image, np.ones((12, 15), bool))
    found = np.zeros((180, 180))
    for place, window in zip(places, windows):
        found[np.ix_(place, place)] += window
    np.testing.assert_allclose(found, laplacian(image / 255.0).toarray(), atol=1e-9)


def test_tiles_of_any_layout_are_the_whole():
    image, opacity = scene(360, 420)
    half = cv2.resize(opacity, (210, 180), interpolation=cv2.INTER_AREA).astype(np.float32)
    trimap = of_solved(cv2.resize(half, (420, 360)))
    count = int(trimap.unknown.sum())
    whole = tiles.solved_in_tiles(image, trimap, count)
    assert whole.tiles == 1
    for unknowns in (count // 2, count // 5, 1500):
        found = tiles.solved_in_tiles(image, trimap, unknowns)
        assert found.tiles > 2 and not found.kept
        assert np.abs(found.share - whole.share).max() * 255 < 2


def test_edges_are_nearer_to_the_truth():
    image, opacity = scene(240, 320, strands=20)
    alpha = map_of(opacity)
    found, note = matted(image, alpha, 4)
    assert not note and found.dtype == np.uint8
    before, after = (np.abs(part / 255.0 - opacity).sum() for part in (alpha, found))
    assert after < 0.7 * before, (before, after)


@pytest.mark.parametrize("last", [800, 400])
def test_large_pictures_go_from_coarse_to_fine(monkeypatch, last):
    """Solved at 300 and 800 pixels; at 300 and 400, then enlarged."""
    side = 800
    monkeypatch.setattr(band, "_FIRST", 300)
    monkeypatch.setattr(band, "_LAST", last)
    image, opacity = scene(side * 3 // 4, side, strands=20)
    alpha = map_of(opacity, side // 80)
    found, _ = matted(image, alpha, side / 80)
    before, after = (np.abs(part / 255.0 - opacity).sum() for part in (alpha, found))
    assert after < 0.7 * before, (before, after)


def test_where_too_much_is_undecided_it_is_enlarged(monkeypatch):
    image, opacity = scene(300, 400, strands=20)
    alpha, small, solve = map_of(opacity, 5), [], tiles.solved_in_tiles
    monkeypatch.setattr(band, "_FIRST", 300)
    monkeypatch.setattr(band, "_AT_MOST", 100)
    monkeypatch.setattr(band, "solved_in_tiles", lambda *a: small.append(a[0].shape) or solve(*a))
    found, _ = matted(image, alpha, 5)
    assert small == [(225, 300, 3)] and found.shape == (300, 400)
    before, after = (np.abs(part / 255.0 - opacity).sum() for part in (alpha, found))
    assert after < before, (before, after)


def test_sizes_grow_evenly_to_the_pictures():
    sizes = [(467, 700), *band._further((467, 700), (4000, 6000))]
    assert len(sizes) == 5 and sizes[-1] == (4000, 6000)
    for small, large in zip(sizes, sizes[1:]):
        assert large[1] / small[1] == pytest.approx((6000 / 700) ** 0.25, rel=1e-3)
        assert large[0] / large[1] == pytest.approx(2 / 3, rel=1e-3)
    assert list(band._further((300, 400), (300, 400))) == []
    assert list(band._further((1, 700), (1, 1400))) == [(1, 1400)]


def test_where_too_much_is_unknown_it_begins_smaller(monkeypatch):
    alpha = np.full((500, 640), 130, np.uint8)
    monkeypatch.setattr(band, "UNKNOWNS", 20_000)
    size, trimap = band._first(alpha, 2)
    assert size == (234, 300) and trimap.unknown.all()


def test_a_tile_that_cannot_be_solved_keeps_the_map(monkeypatch):
    image, opacity = scene(240, 320)
    trimap = wide(opacity, 2)
    calls = []

    def fails_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise closed_form.Unsolvable("no memory")
        return closed_form.solved(*arguments)

    monkeypatch.setattr(tiles, "solved", fails_first)
    found = tiles.solved_in_tiles(image, trimap, 5000)
    assert found.kept == 1 and found.tiles == len(calls) > 2
    first = tuple(slice(0, side // 2) for side in trimap.unknown.shape)
    np.testing.assert_array_equal(found.share[first][:8, :8], trimap.values[first][:8, :8])
    monkeypatch.setattr(tiles, "solved", lambda *_: (_ for _ in ()).throw(
        closed_form.Unsolvable("no memory")))  # fmt: skip
    alpha = map_of(opacity)
    found, notes = refined(image, alpha, Options(matting="band"), 4)
    assert notes == ("matting: 1 of 1 tiles kept the map",)
    kept = of_map(alpha.astype(np.float32) / 255, 4)
    np.testing.assert_array_equal(found, np.rint(kept.values * 255))


def test_no_memory_is_unsolvable(monkeypatch):
    import scipy.sparse.linalg

    def full(*_, **__):
        raise MemoryError("Unable to allocate")

    image, opacity = scene(40, 50)
    trimap = wide(opacity, 2)
    monkeypatch.setattr(scipy.sparse.linalg, "splu", full)
    with pytest.raises(closed_form.Unsolvable, match="Unable to allocate"):
        closed_form.solved(image, trimap.values, trimap.unknown, trimap.tie)


def test_the_band_is_wide_where_the_map_falls_slowly():
    columns = np.arange(200, dtype=np.float32)
    sharp = np.clip((100 - columns) / 4 + 0.5, 0, 1)
    slow = np.clip((100 - columns) / 16 + 0.5, 0, 1)
    widths = []
    for line in (sharp, slow):
        unknown = of_map(np.tile(line, (60, 1)), 2).unknown[30]
        assert unknown[100] and not unknown[[0, 199]].any()
        widths.append(int(unknown.sum()))
    assert widths[0] < 14 and widths[1] > 3 * widths[0]


@pytest.mark.parametrize("value", [0, 255, 20])
def test_a_map_without_an_edge(value):
    image = np.zeros((30, 40, 3), np.uint8)
    found, note = matted(image, np.full((30, 40), value, np.uint8), 2)
    np.testing.assert_array_equal(found, np.full((30, 40), 255 if value > 127 else 0))
    assert not note


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 900), (900, 2), (3, 3)])
def test_the_smallest_and_the_thinnest_pictures(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    alpha = rng.integers(0, 256, shape, dtype=np.uint8)
    found, _ = matted(image, alpha, 1)
    assert found.shape == shape and found.dtype == np.uint8


class Left:
    """A network that finds the left half, 10 pixels small."""

    output_type = "probability"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        line = np.clip(5.2 - np.arange(10, dtype=np.float32), 0, 1)
        return np.tile(line, (len(batch), 1, 10, 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_remover_finds_the_true_edge(dtype):
    picture = np.full((80, 100, 4), 255, np.uint8)
    picture[:, :47, :3], picture[:, 47:, :3] = (200, 60, 30), (20, 90, 160)
    expected = np.where(np.arange(100) < 47, 255, 0) + np.zeros((80, 1))
    picture = picture.astype(dtype) * (257 if dtype == np.uint16 else 1)
    remover = Remover(Pipeline(Left(), Preprocess(size=[10, 10], type="paddleseg")))
    plain, found = (remover(picture, Options(matting=how)) for how in ("off", "band"))
    assert np.abs(plain.alpha - expected).max() > 100
    assert np.abs(found.alpha - expected).max() <= 1 and found.notes == ()


def test_wrong_options_and_a_missing_package_are_named(monkeypatch):
    with pytest.raises(ValueError, match="matting: expected one of off, band, got 'on'"):
        Options(matting="on")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    Options(matting="off")
    with pytest.raises(ValueError, match=r"SciPy, .* pip install 'paddleseg_u2net\[matting\]'"):
        Options(matting="band")
