"""Bodies with ``solid`` and without: translucent pixels inside, and the error against masks.

    python benchmarks/solid.py [--data ../shared/data/ecssd_300] [--model_path u2netp]

Translucent: less than 0.95 opaque, of the pixels that lie more than 8 inside the mask. Error: the
mean over images of the mean absolute difference from their masks. ``solid``'s numbers were chosen
on the images of even places in the folder; those of odd places are told apart.
"""

import argparse
from pathlib import Path
from typing import Any, List

import cv2
import exports
import machine
import numpy as np

from paddleseg_u2net.io.images import read_image
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Remover

_DEEP, _OPAQUE = 8, 0.95


def _measured(alpha: np.ndarray, mask: np.ndarray) -> List[float]:
    """Error, translucent pixels inside, pixels inside."""
    # The frame ends no object.
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 9, 9, 9, 9, cv2.BORDER_REPLICATE)
    deep = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[9:-9, 9:-9] > _DEEP
    clear = alpha[deep] < _OPAQUE * 255
    return [float(np.abs(alpha / 255 - mask).mean()), float(clear.sum()), float(deep.sum())]


def main() -> None:
    arguments = _arguments()
    print(machine.describe())
    model = load_model(str(arguments.model_path), threads=arguments.threads)
    remover = Remover(model.pipeline, model.in_channels)
    rows = []
    for path in sorted((arguments.data / "images").glob("*.jpg"))[: arguments.count]:
        picture = read_image(path)
        mask = cv2.imread(str(arguments.data / "ground_truth_mask" / f"{path.stem}.png"), 0) > 127
        probability = model.pipeline.probabilities(remover.prepare(picture)[None])[0]
        options = Options(), Options(solid=True)
        rows.append(
            [_measured(remover.finish(picture, probability, o).alpha, mask) for o in options]
        )
    print("\n| images | | translucent inside | MAE |\n| --- | --- | --- | --- |")
    for name, part in (("all", rows), ("odd places", rows[1::2])):
        for side, how in enumerate(("without", "with `solid`")):
            error, clear, deep = np.array([row[side] for row in part]).T
            share = clear.sum() / deep.sum()
            print(f"| {len(part)}, {name} | {how} | {share:.2%} | {error.mean():.5f} |")


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, default=exports.SHARED / "data" / "ecssd_300")
    add("--model_path", default=exports.SHARED / "weights" / "u2netp_rembg.onnx")
    add("--count", type=int)
    add("--threads", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
