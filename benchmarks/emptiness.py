"""Pictures without an object: drawn ones, and what is left of photographs beside their masks.

python benchmarks/emptiness.py SHEET.webp [--model WEIGHTS]

One of each drawn kind, to look at; under it the mask that it gets, and its presence.
"""

import argparse
import io
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import cv2
import numpy as np
from PIL import Image

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
KINDS: Dict[str, Draw] = {}
"""By name; each draws a picture (H, W, 3) of values around 0 to 255 from chance, height, width."""

# (width, height) of drawn pictures, and width / height of what is cut from photographs.
SIZES = ((400, 300), (300, 400), (640, 640), (960, 540), (1200, 800), (480, 720))
ASPECTS = (1.0, 4 / 3, 3 / 4, 16 / 9, 2 / 3)


def kind(draw: Draw) -> Draw:
    KINDS[draw.__name__.replace("_", " ")] = draw
    return draw


def draw(name: str, seed: int) -> np.ndarray:
    """A picture of a kind, uint8 (H, W, 3); its number decides all."""
    rng = np.random.default_rng([seed, list(KINDS).index(name)])
    width, height = SIZES[rng.integers(len(SIZES))]
    return np.clip(KINDS[name](rng, height, width), 0, 255).astype(np.uint8)


def colour(rng, low=0, high=256) -> np.ndarray:
    return rng.integers(low, high, 3).astype(np.float32)


def grid(height: int, width: int) -> Tuple[np.ndarray, np.ndarray]:
    """Rows and columns of each pixel, in shares of the longer side, 0 in the middle."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return (rows - height / 2) / max(height, width), (columns - width / 2) / max(height, width)


def noise(rng, height: int, width: int, power: float) -> np.ndarray:
    """Noise whose spectrum falls as 1 / f ** power: mean 0, standard deviation 1."""
    spectrum = np.fft.rfft2(rng.normal(size=(height, width)))
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    f[0, 0] = 1
    made = np.fft.irfft2(spectrum / f**power, s=(height, width))
    return ((made - made.mean()) / made.std()).astype(np.float32)


def between(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(H, W) of 0 to 1 -> colours (H, W, 3) between two."""
    share = np.clip(share, 0, 1)[..., None]
    return first * (1 - share) + second * share


def near(rng, first: np.ndarray, least: float, most: float) -> np.ndarray:
    """A colour that differs from another by so much in each channel."""
    return np.clip(first + rng.choice([-1, 1]) * rng.uniform(least, most, 3), 0, 255)


def angled(rng, height: int, width: int) -> np.ndarray:
    """A distance along a direction that chance takes."""
    rows, columns = grid(height, width)
    angle = rng.uniform(0, np.pi)
    return rows * np.sin(angle) + columns * np.cos(angle)


@kind
def black_and_white(rng, height, width):
    return np.full((height, width, 3), rng.choice([0, 255]) + rng.integers(-4, 5), np.float32)


@kind
def plain_colour(rng, height, width):
    return np.ones((height, width, 3), np.float32) * colour(rng)


@kind
def sensor_noise(rng, height, width):
    plain = colour(rng, 0, 120)
    return plain + rng.normal(0, rng.uniform(1, 12), (height, width, 3))


@kind
def linear_gradient(rng, height, width):
    return between(angled(rng, height, width) + 0.5, colour(rng), colour(rng))


@kind
def radial_gradient(rng, height, width):
    rows, columns = grid(height, width)
    middle = rng.uniform(-0.4, 0.4, 2)
    far = np.hypot(rows - middle[0], columns - middle[1]) * rng.uniform(0.7, 1.5)
    return between(far, colour(rng), colour(rng))


@kind
def vignette(rng, height, width):
    rows, columns = grid(height, width)
    dark = rng.uniform(0.5, 2) * (rows**2 + columns**2)
    picture = colour(rng, 90) + noise(rng, height, width, 0)[..., None] * rng.uniform(0, 8)
    return picture * np.clip(1 - dark, 0, 1)[..., None]


@kind
def white_noise(rng, height, width):
    return colour(rng) + rng.normal(0, rng.uniform(15, 90), (height, width, rng.choice([1, 3])))


@kind
def pink_noise(rng, height, width):
    share = noise(rng, height, width, rng.uniform(0.6, 1.2)) * rng.uniform(0.1, 0.3) + 0.5
    return between(share, colour(rng), colour(rng))


@kind
def brown_noise(rng, height, width):
    planes = [noise(rng, height, width, rng.uniform(1.4, 2.2)) for _ in range(3)]
    return colour(rng, 60, 200) + rng.uniform(15, 60) * np.dstack(planes)


@kind
def clouds(rng, height, width):
    share = noise(rng, height, width, rng.uniform(1.5, 2)) * 0.4 + rng.uniform(0, 0.6)
    blue = np.array([rng.uniform(60, 150), rng.uniform(120, 190), rng.uniform(190, 255)])
    return between(share, blue, np.full(3, rng.uniform(215, 255)))


@kind
def stripes(rng, height, width):
    wave = np.sin(angled(rng, height, width) * rng.uniform(15, 160))
    first = colour(rng)
    second = near(rng, first, 20, 160)
    return between(wave * rng.choice([0.5, 8]) + 0.5, first, second)


@kind
def checkers(rng, height, width):
    side = int(rng.integers(10, 90))
    rows, columns = np.mgrid[:height, :width] // side
    first = colour(rng)
    return between((rows + columns) % 2, first, near(rng, first, 25, 200))


@kind
def dots(rng, height, width):
    period = rng.uniform(24, 90)
    rows, columns = np.mgrid[:height, :width] / period
    far = np.hypot(rows % 1 - 0.5, columns % 1 - 0.5)
    first = colour(rng)
    return between((rng.uniform(0.15, 0.4) - far) * period, first, near(rng, first, 25, 160))


@kind
def tiles(rng, height, width):
    tall = int(rng.integers(24, 80))
    wide = int(tall * rng.uniform(1, 3))
    row = np.arange(height) // tall
    columns = np.arange(width)[None] + (row % 2)[:, None] * wide // 2
    shades = rng.normal(0, rng.uniform(3, 18), (height // tall + 1, (width + wide) // wide + 1))
    picture = colour(rng, 60) + shades[row[:, None], columns // wide][..., None]
    joint = (np.arange(height) % tall < 3)[:, None] | (columns % wide < 3)
    picture[joint] = colour(rng)
    return picture + noise(rng, height, width, 0.5)[..., None] * rng.uniform(0, 10)


@kind
def wood(rng, height, width):
    rows, columns = grid(height, width)
    bent = noise(rng, height, width, 2) * rng.uniform(0.005, 0.03)
    rings = np.sin((rows * rng.uniform(0.02, 0.2) + columns + bent) * rng.uniform(60, 220))
    light = np.array([rng.uniform(150, 220), rng.uniform(100, 160), rng.uniform(50, 110)])
    grain = between(rings * 0.5 + 0.5, light, light * rng.uniform(0.6, 0.9))
    return grain + noise(rng, height, width, 0.5)[..., None] * 6


@kind
def paper(rng, height, width):
    rough = noise(rng, height, width, 0.7) * rng.uniform(1, 6)
    picture = np.full((height, width, 3), colour(rng, 225, 252)) + rough[..., None]
    if rng.random() < 0.5:  # ruled
        picture[:: int(rng.integers(18, 50))] = colour(rng, 100, 200)
    return picture


@kind
def fabric(rng, height, width):
    rows, columns = np.mgrid[:height, :width]
    fine = rng.uniform(0.5, 1.6, 2)
    weave = np.sin(rows * fine[0]) * np.sin(columns * fine[1]) + noise(rng, height, width, 1)
    return colour(rng, 30, 220) + rng.uniform(6, 30) * weave[..., None]


@kind
def grass(rng, height, width):
    blades = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 1, None, 6)
    shade = blades / blades.std() * rng.uniform(15, 45) + noise(rng, height, width, 1.5) * 12
    green = np.array([rng.uniform(50, 130), rng.uniform(100, 170), rng.uniform(20, 80)])
    return green + shade[..., None]


@kind
def stone(rng, height, width):
    """Cells around points of chance, with dark joints."""
    points = rng.uniform(0, 1, (int(rng.integers(30, 250)), 2)) * (height, width)
    seeds = np.full((height, width), 255, np.uint8)
    seeds[tuple(points.astype(int).T)] = 0
    label = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5)[1]
    shades = rng.normal(0, 20, label.max() + 1)[label]
    edges = cv2.morphologyEx(label.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3)))
    grey = rng.uniform(90, 190) + shades + noise(rng, height, width, 1) * 8 - 60 * (edges > 0)
    return np.repeat(grey[..., None], 3, 2) + rng.uniform(-15, 15, 3)


@kind
def horizon(rng, height, width):
    """Two planes that meet: a wall and a floor, the sky and the sea."""
    at = rng.uniform(-0.25, 0.25) + angled(rng, height, width) * 0.03
    share = (grid(height, width)[0] - at) * rng.choice([60, 600])
    picture = between(share + 0.5, colour(rng), colour(rng))
    return picture + noise(rng, height, width, 1)[..., None] * rng.uniform(0, 12)


@kind
def blurred(rng, height, width):
    """What is far out of focus."""
    few = rng.uniform(0, 255, (*rng.integers(3, 9, 2), 3)).astype(np.float32)
    picture = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.02, 0.08) * width)
    return picture + noise(rng, height, width, 0)[..., None] * rng.uniform(0, 5)


@kind
def jpeg_blocks(rng, height, width):
    """A gradient, stored so badly that its blocks are seen."""
    soft = between(angled(rng, height, width) + 0.5, colour(rng), colour(rng))
    soft += noise(rng, height, width, 1)[..., None] * rng.uniform(1, 15)
    file = io.BytesIO()
    made = Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8))
    made.save(file, "JPEG", quality=int(rng.integers(2, 12)))
    return np.asarray(Image.open(file)).astype(np.float32)


def beside(
    picture: np.ndarray, mask: np.ndarray, rng, count: int, least: int = 96
) -> Iterator[np.ndarray]:
    """Up to ``count`` parts of a picture without a pixel of its mask, nor one close to it.

    They have several sizes and aspect ratios, and no side below ``least`` pixels.
    """
    height, width = mask.shape
    margin = 1 + 2 * round(0.02 * max(height, width))
    taken = cv2.dilate((mask > 0).astype(np.uint8), np.ones((margin, margin), np.uint8))
    sums = cv2.integral(taken)
    found: List[Tuple[int, int, int, int]] = []
    for _ in range(400):
        if len(found) == count:
            break
        aspect = ASPECTS[rng.integers(len(ASPECTS))]
        wide = rng.uniform(0.25, 1) * width
        w, h = round(wide), round(wide / aspect)
        if min(w, h) < least or w > width or h > height:
            continue
        x, y = (int(rng.integers(side + 1)) for side in (width - w, height - h))
        inside = sums[y + h, x + w] - sums[y, x + w] - sums[y + h, x] + sums[y, x]
        if inside or any(_overlap((x, y, w, h), other) > 0.5 for other in found):
            continue
        found.append((x, y, w, h))
        yield np.ascontiguousarray(picture[y : y + h, x : x + w])


def _overlap(a: Tuple[int, ...], b: Tuple[int, ...]) -> float:
    """The share of the smaller box that lies in the other."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0) / min(a[2] * a[3], b[2] * b[3])


def main() -> None:
    from paddleseg_u2net.predictor.load import load_model
    from paddleseg_u2net.removal import Options, Remover

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    remover = Remover(model.pipeline)
    cells = []
    for name in KINDS:
        picture = draw(name, arguments.seed)
        found = remover(picture, Options(only="mask"))
        pair = picture, np.repeat(found.picture[..., None], 3, 2)
        cell = np.vstack([cv2.resize(one, (96, 72), interpolation=cv2.INTER_AREA) for one in pair])
        text = f"{found.presence:.2f}"
        cv2.putText(cell, text, (63, 138), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 120, 0), 1)
        cells.append(np.pad(cell, ((2, 2), (2, 2), (0, 0)), constant_values=128))
    rows = [np.hstack(cells[at : at + 11]) for at in range(0, len(cells), 11)]
    Image.fromarray(np.vstack(rows)).save(arguments.sheet, quality=70)


if __name__ == "__main__":
    main()
