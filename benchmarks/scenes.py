"""Pictures whose opacity and colours are known at every pixel, to measure cut-outs with.

Each is composed of a foreground's colours F, its opacity a and a background B, I = a F + (1 - a) B:
people whose masks fit their photographs (edges made soft, colours carried outwards from inside),
heads of drawn hair and drawn glasses, over parts of other photographs that show no object. What is
tuned is tuned on the part ``tune``; ``test`` has other people, drawings and backgrounds.
"""

from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

import cv2
import numpy as np

PARTS = ("tune", "test")
KINDS = ("person", "hair", "glass")
_SIDE = 640  # the longer one, of drawn scenes, and of photographs at most
_FINE = 4  # pixels of a drawing for one of the scene's, in each direction


class Scene(NamedTuple):
    """uint8 RGB (H, W, 3), its foreground's opacity float32 (H, W) in [0, 1], and colours uint8."""

    name: str
    image: np.ndarray
    alpha: np.ndarray
    colours: np.ndarray


def scenes(data: Path, part: str, count: int, kinds: Tuple[str, ...] = KINDS) -> Iterator[Scene]:
    """``count`` scenes of each kind; ``data`` has ``person_290`` and ``ecssd_300``."""
    backgrounds = backgrounds_of(data / "ecssd_300")[PARTS.index(part) :: 2]
    people = people_of(data / "person_290")[PARTS.index(part) :: 2]
    for kind in kinds:
        for number in range(count):
            rng = np.random.default_rng([PARTS.index(part), KINDS.index(kind), number])
            if kind == "person":
                alpha, colours = person(*people[number % len(people)])
            else:
                alpha, colours = DRAWN[kind](rng)
            background = _covering(*backgrounds[rng.integers(len(backgrounds))], alpha.shape)
            share = alpha[..., None]
            image = np.rint(share * colours + (1 - share) * background).astype(np.uint8)
            yield Scene(f"{kind}_{number}", image, alpha, colours)


def people_of(folder: Path) -> List[Tuple[Path, Path]]:
    """Photographs of 300 pixels and more whose mask has their size and is not small; the masks."""
    found = []
    for image in sorted(folder.glob("images/*")):
        path = folder / "masks" / f"{image.stem}.png"
        if path.is_file():
            mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            fits = mask.shape == cv2.imread(str(image)).shape[:2] and min(mask.shape) >= 300
            if fits and (mask > 127).mean() > 0.1:
                found.append((image, path))
    return found


def backgrounds_of(folder: Path) -> List[Tuple[Path, Tuple[slice, slice]]]:
    """Photographs, and the largest part on one side of the object, of a third of them and more."""
    found = []
    for image in sorted(folder.glob("images/*.jpg")):
        mask = cv2.imread(str(folder / "ground_truth_mask" / f"{image.stem}.png"), 0) > 0
        height, width = mask.shape
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        whole = slice(None)
        parts = [
            (slice(0, rows[0]), whole),
            (slice(rows[-1] + 1, height), whole),
            (whole, slice(0, columns[0])),
            (whole, slice(columns[-1] + 1, width)),
        ]
        part = max(parts, key=lambda part: mask[part].size)
        if mask[part].size > mask.size / 3:
            found.append((image, part))
    return found


def person(image: Path, mask: Path) -> Tuple[np.ndarray, np.ndarray]:
    picture = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    inside = (cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 127).astype(np.uint8)
    alpha = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.5)
    # Colours from 5 pixels inside, where nothing of the old background is mixed in.
    sure = cv2.erode(inside, np.ones((11, 11), np.uint8))
    return alpha, carried_outwards(picture, sure)


def carried_outwards(picture: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """The colour of the nearest sure pixel, a little smoothed outside of them."""
    _, labels = cv2.distanceTransformWithLabels(
        1 - sure, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colour_of = np.zeros((labels.max() + 1, 3), np.uint8)
    colour_of[labels[sure > 0]] = picture[sure > 0]
    carried = cv2.GaussianBlur(colour_of[labels], (0, 0), 2)
    return np.where(sure[..., None] > 0, picture, carried)


def _covering(path: Path, part: Tuple[slice, slice], shape: Tuple[int, ...]) -> np.ndarray:
    """A part of a photograph that covers (H, W), cut at the right and below."""
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)[part]
    factor = max(shape[0] / picture.shape[0], shape[1] / picture.shape[1])
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    size = (max(size[0], shape[1]), max(size[1], shape[0]))
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)[: shape[0], : shape[1]]


# RGB of hair, skin and clothes.
_HAIR = [(25, 20, 18), (70, 45, 30), (120, 80, 45), (200, 165, 105), (140, 60, 30), (150, 150, 150)]
_SKIN = [(240, 205, 180), (225, 180, 150), (190, 140, 105), (130, 90, 65), (95, 65, 50)]
_CLOTHES = [(180, 40, 40), (40, 60, 130), (240, 240, 235), (30, 30, 35), (60, 110, 80)]


def _hair(rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    """Head and shoulders with 700 strands, a quarter of a pixel to a pixel and a half wide."""
    height, width = _SIDE, _SIDE * 3 // 4
    unit = height * rng.uniform(0.17, 0.2)  # half the height of the head
    x, y = width * rng.uniform(0.44, 0.56), height * 0.42
    mass, body, face, eyes = (np.zeros((height * _FINE, width * _FINE), np.uint8) for _ in range(4))
    _ellipse(body, (x, y + 2.35 * unit), (1.7 * unit, 1.15 * unit))
    _ellipse(body, (x, y + 1.0 * unit), (0.3 * unit, 0.6 * unit))
    _ellipse(face, (x, y + 0.1 * unit), (0.68 * unit, 0.85 * unit))
    for side in (-1, 1):
        _ellipse(eyes, (x + side * 0.27 * unit, y), (0.09 * unit, 0.05 * unit))
    _ellipse(eyes, (x, y + 0.5 * unit), (0.2 * unit, 0.04 * unit))
    _ellipse(mass, (x, y - 0.15 * unit), (0.95 * unit, unit))
    wave = rng.uniform(0.05, 0.3)
    for angle in rng.uniform(-1.2 * np.pi, 0.2 * np.pi, 700):
        root = np.array(
            [x + 0.9 * unit * np.cos(angle), y - 0.15 * unit + 0.95 * unit * np.sin(angle)]
        )
        along = np.linspace(0, rng.uniform(0.15, 0.55) * unit, 12)
        bend = angle + rng.normal(0, 0.4) + wave * np.sin(along / unit * 9 + rng.uniform(0, 6))
        bend += 1.2 * along / unit * np.sign(np.cos(angle))  # it falls
        strand = _FINE * (root + along[:, None] * np.stack([np.cos(bend), np.sin(bend)], 1))
        thick = int(rng.integers(1, _FINE * 3 // 2 + 1))
        cv2.polylines(mass, [np.rint(strand).astype(np.int32)], False, 255, thick)
    mass, body, face, eyes = (_small(part) for part in (mass, body, face, eyes))
    hair, skin, clothes = (
        np.array(table[rng.integers(len(table))], float) for table in (_HAIR, _SKIN, _CLOTHES)
    )
    streaks = cv2.GaussianBlur(rng.normal(0, 40, (height, width)).astype(np.float32), (0, 0), 1.5)
    colours = np.broadcast_to(hair, (height, width, 3)) + streaks[..., None]
    for part, colour in ((body, clothes), (face, skin), (eyes, np.array([60.0, 35, 35]))):
        colours = colours + part[..., None] * (colour - colours)
    shade = np.linspace(1.1, 0.8, height)[:, None, None]
    return np.maximum(mass, np.maximum(body, face)), np.clip(colours * shade, 0, 255).astype(
        np.uint8
    )


def _glass(rng: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    """A glass on a stem: a nearly opaque rim and foot, a bowl that lets most light through."""
    height, width = _SIDE, _SIDE * 3 // 4
    shape = (height * _FINE, width * _FINE)
    x, y = width * _FINE / 2, height * _FINE
    half, depth = rng.uniform(0.28, 0.38) * width * _FINE, rng.uniform(0.3, 0.4) * y
    top = 0.12 * y
    bowl = np.zeros(shape, np.uint8)
    down = np.linspace(0, 1, 60)
    outline = half * np.sqrt(1 - down ** rng.uniform(2, 4)) + 0.01 * y
    left = np.stack([x - outline, top + down * depth], 1)
    right = np.stack([x + outline, top + down * depth], 1)[::-1]
    cv2.fillPoly(bowl, [np.rint(np.concatenate([left, right])).astype(np.int32)], 255)
    wall = bowl - cv2.erode(bowl, np.ones((5 * _FINE,) * 2, np.uint8))
    solid = np.zeros(shape, np.uint8)
    foot = int(0.92 * y)
    cv2.rectangle(solid, _at((x - 0.012 * y, top + depth)), (int(x + 0.012 * y), foot), 255, -1)
    cv2.ellipse(solid, (int(x), foot), (int(half * 0.8), int(0.03 * y)), 0, 0, 360, 255, -1)
    light = np.zeros(shape, np.uint8)
    cv2.ellipse(light, _at((x - half * 0.45, top + depth * 0.4)), _at((half * 0.12, depth * 0.25)),
                12, 0, 360, 255, -1)  # fmt: skip
    inside = rng.uniform(0.15, 0.35)
    alpha = _small(bowl) * inside + _small(wall) * 0.45 + _small(solid) * 0.85
    alpha = np.clip(alpha + _small(light) * _small(bowl) * 0.5, 0, 1).astype(np.float32)
    tint = rng.uniform(150, 225, 3)
    shine = 40 * np.sin(np.linspace(0, 3 * np.pi, width))[None, :, None]
    colours = tint + shine + 60 * _small(light)[..., None] + np.zeros((height, 1, 1))
    return alpha, np.clip(colours, 0, 255).astype(np.uint8)


DRAWN = {"hair": _hair, "glass": _glass}


def _ellipse(fine: np.ndarray, middle: Tuple[float, float], radii: Tuple[float, float]) -> None:
    """Fill an ellipse of the scene's pixels in a drawing."""
    at, size = (tuple(int(_FINE * value) for value in pair) for pair in (middle, radii))
    cv2.ellipse(fine, at, size, 0, 0, 360, 255, -1)


def _at(point: np.ndarray) -> Tuple[int, int]:
    return int(point[0]), int(point[1])


def _small(fine: np.ndarray) -> np.ndarray:
    """A drawing (H, W) of 0 to 255 at the scene's size, float32, 0 to 1."""
    size = (fine.shape[1] // _FINE, fine.shape[0] // _FINE)
    return cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
