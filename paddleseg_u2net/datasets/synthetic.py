"""A salient-object data set that the project draws itself.

The quickstart and the tests need pictures with exact masks, and must not depend on a download.
Each drawing is a photograph-like background with one or two textured, shaded objects on it;
faint patches and stripes of the background are there to mislead, and belong to no mask.

Everything is computed in 64-bit floats and rounded once, at the end: processors differ in the
last bits of a float, and what is left of that after the rounding does not show in the bytes.
Until then a picture is planar, (3, H, W), which NumPy works through about twice as fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from paddleseg_u2net.io.files import PathLike, write_text
from paddleseg_u2net.io.images import write_png

__all__ = ["draw_dataset", "draw_pair"]

# Changed with every change of what is drawn, so that an older folder is not taken for a new one.
_DRAWING = 1
_SUPERSAMPLING = 4
# Fractional bits of the vertices that OpenCV fills polygons from.
_SHIFT = 4
_SMALLEST_SIDE = 32
_AREA = (0.03, 0.45)
_RECORD = "drawn.json"
_UNFINISHED = "drawn.unfinished.json"

# An outline: closed contours (N, 2) as x, y, each with whether it fills (True) or cuts a hole.
_Outline = list[tuple[np.ndarray, bool]]


def draw_pair(
    index: int, seed: int = 0, size: tuple[int, int] = (160, 160)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one picture and its mask.

    The same arguments give the same bytes, in any order of calls; no global random state is
    read or changed.

    Args:
        index: which drawing, 0 or more.
        seed: which series of drawings, 0 or more.
        size: height and width in pixels, each 32 or more.

    Returns:
        The image, uint8 (H, W, 3) in RGB, and the mask, uint8 (H, W), 255 on the objects and 0
        elsewhere. The objects cover 3 to 45 % of the picture.

    Raises:
        ValueError: for a negative index or seed, or a side below 32.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be 0 or more, not {index} and {seed}")
    height, width = size
    if min(height, width) < _SMALLEST_SIDE:
        raise ValueError(f"size must be {_SMALLEST_SIDE} or more a side, not {height} x {width}")
    rng = np.random.default_rng([seed, index])
    picture = _background(rng, size)
    coverages = _coverages(rng, size)
    light = rng.uniform(0, 2 * np.pi)
    shadow = rng.uniform(0.25, 0.6)
    for coverage in coverages:
        _put_object(rng, picture, _shrunk(coverage), light, shadow)
    union = coverages[0]
    for coverage in coverages[1:]:
        union = cv2.bitwise_or(union, coverage)
    mask = np.where(_shrunk(union) >= 0.5, 255, 0).astype(np.uint8)
    return _photographed(rng, picture), mask


def draw_dataset(
    folder: PathLike,
    train: int = 160,
    val: int = 40,
    seed: int = 0,
    size: tuple[int, int] = (160, 160),
) -> None:
    """Write a data set of drawings: PNG files and the two file lists.

    `folder` gets `images/00000.png` (RGB), `masks/00000.png` (0 and 255) and so on,
    `train_list.txt` and `val_list.txt` with lines `images/00000.png masks/00000.png`, and last
    `drawn.json` with these arguments. The held-out drawings are the `val` indices after the
    `train` first. Where the folder holds the same drawings already, nothing is done; where a
    call was cut off, the same call draws anew.

    Args:
        folder: where to write; created where missing.
        train: how many drawings to train on, 0 or more.
        val: how many drawings to hold out, 0 or more.
        seed: which series of drawings, as for `draw_pair`.
        size: height and width in pixels, as for `draw_pair`.

    Raises:
        ValueError: for counts below 0 or both 0, for what `draw_pair` refuses, and where the
            folder holds other drawings or files that are not drawings: nothing is overwritten.
    """
    if train < 0 or val < 0 or train + val == 0:
        raise ValueError(f"train and val must be 0 or more and not both 0, not {train} and {val}")
    draw_pair(0, seed, size)  # refuses a wrong seed or size before anything is written
    folder = Path(folder)
    record = {
        "drawing": _DRAWING,
        "train": int(train),
        "val": int(val),
        "seed": int(seed),
        "size": [int(side) for side in size],
    }
    if _already_drawn(folder, record):
        return
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # The mark of a begun drawing tells a cut-off call from files that are somebody else's.
    write_text(folder / _UNFINISHED, json.dumps(record) + "\n")
    lines = []
    for index in range(train + val):
        image, mask = draw_pair(index, seed, size)
        names = f"images/{index:05d}.png", f"masks/{index:05d}.png"
        write_png(folder / names[0], image)
        write_png(folder / names[1], mask)
        lines.append(" ".join(names) + "\n")
    write_text(folder / "train_list.txt", "".join(lines[:train]))
    write_text(folder / "val_list.txt", "".join(lines[train:]))
    write_text(folder / _RECORD, json.dumps(record) + "\n")
    (folder / _UNFINISHED).unlink()


def _already_drawn(folder: Path, record: dict[str, Any]) -> bool:
    """Whether `folder` holds these drawings; ValueError where it holds something else."""
    advice = "choose another folder, or delete this one"
    for name in (_RECORD, _UNFINISHED):
        path = folder / name
        if not path.exists():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{path} cannot be read: {advice}") from None
        if found != record:
            raise ValueError(f"{folder} holds other drawings ({found}): {advice}")
        return name == _RECORD
    for name in ("images", "masks", "train_list.txt", "val_list.txt"):
        if (folder / name).exists():
            raise ValueError(f"{folder} has {name} that was not drawn here: {advice}")
    return False


# --- fields -------------------------------------------------------------------------------------


def _grid(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return x (1, W) and y (H, 1), from -1 to 1 over the picture."""
    height, width = size
    return np.linspace(-1, 1, width)[None, :], np.linspace(-1, 1, height)[:, None]


def _resized(field: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    return cv2.resize(field, (size[1], size[0]), interpolation=how)


def _octaves(
    rng: np.random.Generator,
    size: tuple[int, int],
    cells: float,
    count: int = 1,
    falloff: float = 1.0,
    stretch: float = 1.0,
) -> np.ndarray:
    """Return smooth noise (H, W) of about unit variance.

    It is a sum of `count` noises, the first of `cells` bumps along the longer side, each next one
    twice as fine and `falloff` as strong. `stretch` above 1 draws the bumps out sideways.
    """
    longer = max(size)
    total = np.zeros((2, 2))
    weight, power = 1.0, 0.0
    for octave in range(count):
        across = cells * 2**octave / longer
        rows = int(np.clip(round(across * size[0]), 2, size[0]))
        columns = int(np.clip(round(across * size[1] / stretch), 2, size[1]))
        finer = weight * rng.standard_normal((rows, columns))
        # Summed on the coarse grids: only the sum is brought to the full size.
        total = finer + _resized(total, (rows, columns), cv2.INTER_CUBIC)
        power += weight**2
        weight *= falloff
    # Between the points of a grid the interpolation evens the noise out: 1.3 makes up for that.
    return _resized(total, size, cv2.INTER_CUBIC) * (1.3 / np.sqrt(power))


def _blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """Return `field`, (H, W) or (3, H, W), under a Gaussian blur.

    A wide blur is done on a coarser grid, for speed.
    """
    if field.ndim == 3:
        return np.stack([_blurred(plane, sigma) for plane in field])
    height, width = field.shape
    step = int(sigma / 1.2)
    if step < 2:
        return cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    small = _resized(field, (max(height // step, 2), max(width // step, 2)), cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    # Not linear: Intel's library computes that, where OpenCV has it, with 32 bits.
    return _resized(small, (height, width), cv2.INTER_CUBIC)


def _mixed(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return `above` over `below`, both (3, H, W), by `share` (H, W) in [0, 1].

    Written over `above`: fresh memory for every step is what takes the time here.
    """
    above -= below
    above *= share
    above += below
    return above


def _step(field: np.ndarray, softness: float) -> np.ndarray:
    """Return 0 to 1 (H, W) where `field` crosses 0, over about `softness`."""
    return np.minimum(np.maximum(field / softness + 0.5, 0), 1)


# --- colours ------------------------------------------------------------------------------------


def _hue(rng: np.random.Generator) -> np.ndarray:
    """Return a colour direction (3,) of unit length without brightness."""
    direction = rng.standard_normal(3)
    direction -= direction.mean()
    return direction / (np.sqrt((direction**2).sum()) + 1e-6)


def _color(rng: np.random.Generator, darkest: float = 0.15, lightest: float = 0.85) -> np.ndarray:
    """Return a muted colour (3,): pictures hold few pure ones."""
    lightness = rng.uniform(darkest, lightest)
    return np.clip(lightness + rng.uniform(0.0, 0.28) * _hue(rng), 0.03, 0.97)


def _contrasting(rng: np.random.Generator, color: np.ndarray, contrast: float) -> np.ndarray:
    """Return a colour (3,) about `contrast` away from `color`, in lightness and hue."""
    best, best_error = color, np.inf
    for _ in range(6):  # the edge of the colour cube cuts some directions short: keep the best
        direction = rng.uniform(-1.2, 1.2) * np.ones(3) / np.sqrt(3) + _hue(rng)
        direction /= np.sqrt((direction**2).sum())
        candidate = np.clip(color + contrast * direction, 0.03, 0.97)
        error = abs(np.sqrt(((candidate - color) ** 2).sum()) - contrast)
        # Candidates that nothing cut short are equally good but for the last bits of a float,
        # which must not choose between them: processors differ there.
        if error < best_error - 1e-6:
            best, best_error = candidate, error
    return best


def _planes(color: np.ndarray) -> np.ndarray:
    """Return a colour (3,) as (3, 1, 1), to be spread over a picture."""
    return color[:, None, None]


# --- the background -----------------------------------------------------------------------------


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return a surface (3, H, W): one colour that varies along two directions of colour."""
    stretch = rng.choice([1.0, 1.0, 3.0])
    falloff = rng.uniform(0.35, 0.65)
    lightness = _octaves(rng, size, rng.uniform(2, 6), 4, falloff, stretch)
    tint = _octaves(rng, size, rng.uniform(2, 4), 3, 0.5)
    along = np.ones(3) + 0.5 * _hue(rng)
    color = _color(rng)
    surface = _planes(rng.uniform(0.02, 0.09) * along) * lightness
    surface += _planes(rng.uniform(0.03, 0.1) * _hue(rng)) * tint
    surface += _planes(color)
    return surface


def _with_horizon(
    rng: np.random.Generator, size: tuple[int, int], picture: np.ndarray
) -> np.ndarray:
    """Return `picture` with another surface below or beside a rough line."""
    x, y = _grid(size)
    angle = rng.choice([0.0, 0.0, 0.0, np.pi / 2]) + rng.normal(0, 0.12)
    line = y * np.cos(angle) + x * np.sin(angle) - rng.uniform(-0.6, 0.6)
    rough = rng.uniform(0, 0.12) * _octaves(rng, size, 4, 3, 0.5)
    return _mixed(picture, _ground(rng, size), _step(line + rough, rng.uniform(0.05, 0.4)))


def _with_pattern(
    rng: np.random.Generator, size: tuple[int, int], picture: np.ndarray
) -> np.ndarray:
    """Return `picture` with boards, tiles or waves: faint lines that repeat."""
    x, y = _grid(size)
    angle = rng.uniform(0, np.pi)
    wobble = rng.uniform(0, 0.06) * _octaves(rng, size, 3)
    u = x * np.cos(angle) + y * np.sin(angle) + wobble
    v = y * np.cos(angle) - x * np.sin(angle) + wobble
    often = rng.uniform(4, 16)
    wave = np.sin(often * u + rng.uniform(0, 6))
    if rng.random() < 0.4:
        wave = np.maximum(wave, np.sin(often * rng.uniform(0.6, 1.6) * v))
    sharp = rng.uniform(0.3, 2.0)
    tone = rng.uniform(0.03, 0.1) * (np.ones(3) + 0.5 * _hue(rng)) * rng.choice([-1, 1])
    picture += _planes(tone) * _step(wave - rng.uniform(-0.3, 0.8), sharp)
    return picture


def _with_distractors(
    rng: np.random.Generator, size: tuple[int, int], picture: np.ndarray
) -> np.ndarray:
    """Return `picture` with faint patches and stripes that are no objects."""
    x, y = _grid(size)
    for _ in range(rng.integers(0, 5)):
        if rng.random() < 0.6:
            coverage = _shrunk(_filled(_placed(rng, _blob(rng), size, 0.01, 0.15), size))
            coverage = _blurred(coverage, rng.uniform(0.01, 0.06) * min(size))
        else:
            angle = rng.uniform(0, np.pi)
            across = x * np.cos(angle) + y * np.sin(angle) - rng.uniform(-0.9, 0.9)
            width = rng.uniform(0.03, 0.2)
            coverage = _step(width - np.abs(across), rng.uniform(0.05, 0.2))
        tone = rng.uniform(0.04, 0.13) * (rng.choice([-1, 1]) * np.ones(3) + 0.8 * _hue(rng))
        picture += _planes(tone) * coverage
    return picture


def _background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return what lies behind the objects: (3, H, W), about 0 to 1."""
    picture = _ground(rng, size)
    if rng.random() < 0.7:
        picture = _with_horizon(rng, size, picture)
    if rng.random() < 0.35:
        picture = _with_pattern(rng, size, picture)
    picture = _with_distractors(rng, size, picture)
    x, y = _grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.35) * (x * np.cos(angle) + y * np.sin(angle))
    light = light - rng.uniform(0, 0.25) * (x**2 + y**2)
    picture *= light
    # Out of focus, more or less: sharpness is one of the things that tell an object.
    picture = _blurred(picture, rng.uniform(0.005, 0.02) * min(size))
    return np.clip(picture, 0, 1)


# --- outlines, around (0, 0) and of any scale ---------------------------------------------------


def _turn(count: int = 96) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def _blob(rng: np.random.Generator) -> _Outline:
    """Return a smooth closed outline from a few random Fourier terms."""
    angle = _turn()
    radius = np.ones_like(angle)
    strength = rng.uniform(0.1, 0.45)
    for term in range(2, 7):
        radius += strength / term * rng.normal() * np.cos(term * angle + rng.uniform(0, 6.3))
    radius = np.maximum(radius, 0.3)
    flat = rng.uniform(0.55, 1.0)
    return [(np.stack([radius * np.cos(angle), flat * radius * np.sin(angle)], 1), True)]


def _ellipse(rng: np.random.Generator) -> _Outline:
    """Return an ellipse, or one with fuller corners."""
    angle = _turn()
    power = rng.choice([1.0, 1.0, 0.6])
    x, y = np.cos(angle), np.sin(angle)
    x, y = np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power
    return [(np.stack([x, rng.uniform(0.4, 1.0) * y], 1), True)]


def _polygon(rng: np.random.Generator) -> _Outline:
    """Return three to eight corners, at times with the corners cut."""
    count = int(rng.integers(3, 9))
    angle = _turn(count) + rng.uniform(-0.3, 0.3, count) * 2 * np.pi / count
    radius = rng.uniform(0.6, 1.2, count)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    for _ in range(rng.integers(0, 3)):
        following = np.roll(points, -1, axis=0)
        cut = np.stack([0.8 * points + 0.2 * following, 0.2 * points + 0.8 * following], 1)
        points = cut.reshape(-1, 2)
    return [(points, True)]


def _ring(rng: np.random.Generator) -> _Outline:
    """Return a blob or ellipse with a hole."""
    outer = (_blob if rng.random() < 0.5 else _ellipse)(rng)[0][0]
    inner = outer * rng.uniform(0.35, 0.65) + rng.uniform(-0.08, 0.08, 2)
    return [(outer, True), (inner, False)]


def _limb(rng: np.random.Generator, slimness: float) -> np.ndarray:
    """Return a bent, long contour (N, 2) of length 2 around (0, 0)."""
    t = np.linspace(-1, 1, 40)
    bend = rng.uniform(-0.5, 0.5) * t**2 + rng.uniform(-0.15, 0.15) * np.sin(3 * t)
    swell = 1 + rng.uniform(-0.5, 0.5) * t + rng.uniform(-0.3, 0.3) * np.cos(4 * t)
    half = slimness * swell * np.maximum(1 - t**6, 0) ** 0.5
    return np.stack([np.r_[t, t[::-1]], np.r_[bend + half, (bend - half)[::-1]]], 1)


def _long(rng: np.random.Generator) -> _Outline:
    """Return one elongated thing."""
    return [(_limb(rng, rng.uniform(0.12, 0.3)), True)]


def _creature(rng: np.random.Generator) -> _Outline:
    """Return a blob with thin limbs: what a saliency network finds hardest to outline."""
    outline = _blob(rng)
    for _ in range(rng.integers(2, 6)):
        limb = _limb(rng, rng.uniform(0.07, 0.16)) * rng.uniform(0.45, 0.8)
        outline.append((_rotated(limb + np.array([1.0, 0.0]), rng.uniform(0, 6.3)), True))
    return outline


_OUTLINES: tuple[Callable[[np.random.Generator], _Outline], ...] = (
    _blob,
    _blob,
    _ellipse,
    _polygon,
    _ring,
    _long,
    _creature,
)


# --- placing and filling outlines ---------------------------------------------------------------


def _rotated(points: np.ndarray, angle: float) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * y, s * x + c * y], 1)


def _contour_area(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _placed(
    rng: np.random.Generator,
    outline: _Outline,
    size: tuple[int, int],
    smallest: float,
    largest: float,
) -> _Outline:
    """Return `outline` turned, scaled and moved into the picture, in pixels.

    Its area is drawn between the two shares of the picture, small ones more often.
    """
    height, width = size
    share = smallest * (largest / smallest) ** rng.random()
    area = sum(_contour_area(points) * (1 if fills else -1) for points, fills in outline)
    scale = np.sqrt(share * height * width / max(area, 1e-3))
    angle = rng.uniform(0, 2 * np.pi)
    centre = np.array([width, height]) * rng.uniform(0.2, 0.8, 2)
    return [(_rotated(points * scale, angle) + centre, fills) for points, fills in outline]


def _filled(outline: _Outline, size: tuple[int, int]) -> np.ndarray:
    """Return uint8 (4 H, 4 W), 255 inside `outline` (pixels) and 0 outside."""
    canvas = np.zeros((size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING), np.uint8)
    for points, fills in outline:
        # OpenCV counts from pixel centres, an outline from the picture's corner: half a pixel.
        fine = (points * _SUPERSAMPLING - 0.5) * 2**_SHIFT
        vertices = np.rint(fine).astype(np.int32)
        cv2.fillPoly(canvas, [vertices], 255 if fills else 0, lineType=cv2.LINE_8, shift=_SHIFT)
    return canvas


def _shrunk(canvas: np.ndarray) -> np.ndarray:
    """Return float64 (H, W) in [0, 1]: the share of each pixel that `canvas` (4 H, 4 W) covers."""
    height, width = canvas.shape
    size = height // _SUPERSAMPLING, width // _SUPERSAMPLING
    return _resized(canvas, size, cv2.INTER_AREA).astype(np.float64) / 255


def _coverages(rng: np.random.Generator, size: tuple[int, int]) -> list[np.ndarray]:
    """Return one or two objects as uint8 (4 H, 4 W), whose union has an allowed area."""
    count = 2 if rng.random() < 0.35 else 1
    # A margin: the mask thresholds the shares of the pixels and so differs a little in area.
    smallest, largest = _AREA[0] * 1.15, _AREA[1] * 0.95
    found: list[np.ndarray] = []
    for _ in range(20):
        outline = _OUTLINES[rng.integers(len(_OUTLINES))](rng)
        canvas = _filled(_placed(rng, outline, size, smallest, largest / count), size)
        visible = np.count_nonzero(canvas) / canvas.size
        # Most of an object lies inside the picture, or it would be no object of the picture.
        if not smallest <= visible <= largest / count:
            continue
        found.append(canvas)
        if len(found) == count:
            break
    if not found:  # not seen in practice; a drawing without an object must not come out
        middle = np.array([size[1], size[0]]) / 2
        found.append(_filled([(_ellipse(rng)[0][0] * middle * 0.6 + middle, True)], size))
    return found


# --- objects ------------------------------------------------------------------------------------


def _surface(
    rng: np.random.Generator, size: tuple[int, int], color: np.ndarray, scale: float
) -> np.ndarray:
    """Return an object's own look (3, H, W): mottled, striped, spotted or plain.

    `scale` is how large (H, W) is beside the picture: what is on it keeps its size.
    """
    mottled = _octaves(rng, size, 10 * scale, 4, 0.8)
    surface = _planes(color) + rng.uniform(0.03, 0.08) * mottled
    kind = rng.integers(4)
    if kind == 0:
        return surface
    second = _contrasting(rng, color, rng.uniform(0.1, 0.35))
    x, y = (side * scale * shape / max(size) for side, shape in zip(_grid(size), size[::-1]))
    angle, often = rng.uniform(0, np.pi), rng.uniform(15, 40)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if kind == 1:
        field = np.sin(often * (u + 0.05 * _octaves(rng, size, 4 * scale)))
    elif kind == 2:
        field = np.sin(often * u) * np.sin(often * v) - 0.2
    else:
        field = _octaves(rng, size, rng.uniform(5, 14) * scale, 2, 0.5)
    surface += _planes(second - color) * _step(field, rng.uniform(0.3, 1.5))
    return surface


def _relief(coverage: np.ndarray, light: float, side: int) -> np.ndarray:
    """Return (H, W), -1 to 1: bright on the side of an object that faces the light.

    `side` is the picture's shorter side, which says how wide the rounding is.
    """
    height = _blurred(coverage, 0.05 * side)
    down, right = np.gradient(height)
    # Light comes from `light`, and the surface falls away towards it.
    lit = right * (-0.12 * side * np.cos(light)) + down * (-0.12 * side * np.sin(light))
    return np.clip(lit, -1, 1, out=lit)


def _window(coverage: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns around what `coverage` (H, W) covers."""
    rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )


def _put_object(
    rng: np.random.Generator,
    picture: np.ndarray,
    coverage: np.ndarray,
    light: float,
    shadow: float,
) -> None:
    """Paint an object and its cast shadow into `picture` (3, H, W).

    `coverage` (H, W) in [0, 1] is the share of each pixel; `light` is the direction that the
    light comes from, and `shadow` how much of it the object keeps off.
    """
    side, longer = min(coverage.shape), max(coverage.shape)
    rows, columns = _window(coverage, side // 6)  # as far as a shadow falls
    picture, coverage = picture[:, rows, columns], coverage[rows, columns]
    size = coverage.shape[0], coverage.shape[1]
    around = (picture * coverage).sum(axis=(1, 2)) / coverage.sum()
    color = _contrasting(rng, around, rng.uniform(0.25, 0.58))
    surface = _surface(rng, size, color, max(size) / longer)
    surface *= 1 + rng.uniform(0.2, 0.6) * _relief(coverage, light, side)

    far = rng.uniform(0.02, 0.06) * side
    move = np.array([[1, 0, -far * np.cos(light)], [0, 1, -far * np.sin(light)]])
    cast = cv2.warpAffine(coverage, move, size[::-1], borderMode=cv2.BORDER_REPLICATE)
    picture *= 1 - shadow * _blurred(cast, rng.uniform(0.01, 0.04) * side)
    picture[:] = _mixed(picture, surface, coverage)


def _photographed(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Return `picture` (3, H, W) through a lens and a sensor, as uint8 (H, W, 3)."""
    picture = _blurred(picture, rng.uniform(0.3, 0.7))
    # One plane of grain, moved along for each colour: as good as three, in a third of the time.
    grain = rng.standard_normal(picture.shape[1:])
    # Bright places are noisier, as the number of photons varies.
    noise = rng.uniform(0.005, 0.02) * (0.5 + np.sqrt(np.maximum(picture[1], 0)))
    for plane, rows in zip(picture, (0, 11, 23)):
        plane += np.roll(grain, rows, axis=0) * noise
    levels = np.rint(np.clip(picture, 0, 1, out=picture) * 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(1, 2, 0))
