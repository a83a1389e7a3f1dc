"""A drawing, its foreground on green, and the same with matting, to look at.

python benchmarks/matting_picture.py PICTURE.webp [--model WEIGHTS] [--seed 6]
"""

import argparse
from pathlib import Path

import emptiness
import numpy as np
import scenes
from PIL import Image

from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Remover, parse_background

_SHOWN = slice(80, 320), slice(90, 360)  # the hair


def drawn(seed: int) -> np.ndarray:
    """A head of `scenes` on a background of `emptiness`, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    alpha, colours = scenes.DRAWN["hair"](rng)
    background = emptiness.KINDS["blurred"](rng, *alpha.shape)
    mixed = alpha[..., None] * colours + (1 - alpha[..., None]) * background
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--seed", type=int, default=6)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    remover, green = Remover(model.pipeline, model.in_channels), parse_background("#2e8b57")
    picture = drawn(arguments.seed)
    shown = [picture]
    for matting in ("off", "band"):
        shown.append(remover(picture, Options(matting=matting, background=green)).picture)
    sheet = np.hstack([cell[_SHOWN] for cell in shown])
    Image.fromarray(sheet).save(arguments.picture, quality=80, method=6)


if __name__ == "__main__":
    main()
