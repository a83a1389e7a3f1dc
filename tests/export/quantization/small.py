"""A narrow network as an ONNX file, pictures to calibrate on, and a network made to collapse."""

from __future__ import annotations

import numpy as np

from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.weights.onnx_write import onnx_bytes
from tests.weights import narrow

SIZE = 32
PREPROCESS = Preprocess(size=(SIZE, SIZE))


def model(state=None, num_classes=1):
    stages = narrow.table(32)
    state = state or weights(num_classes)
    return onnx_bytes(state, stages, num_classes, sides=False)


def weights(num_classes=1):
    return narrow.state(num_classes, stages=narrow.table(32))


def batches(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, 3, SIZE, SIZE)).astype(np.float32) for _ in range(count)]


def folder(path, count=20, masks=None, seed=0):
    """Blurred noise and, at ``masks``, bright places of it."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        small = rng.integers(0, 256, (8, 10, 3), np.uint8)
        image = small.repeat(5, 0).repeat(5, 1)
        write_png(path / f"{number:03}.png", image)
        if masks is not None:
            write_png(masks / f"{number:03}.png", (image[..., 0] > 128).astype(np.uint8) * 255)
    return path


def calibration(path, masks=None, count=20):
    return Calibration.read(folder(path, count, masks), masks, PREPROCESS)


def collapsing(layer, following):
    """Weights whose layers ``layer`` and ``following`` do not stand 8 bits.

    One channel of ``layer`` is large everywhere, and ``following`` subtracts it from itself again:
    what is left is the small difference of large numbers.
    """
    state = weights()
    kernel = state[f"{layer}.conv_s1.weight"]
    state[f"{layer}.bn_s1.weight"][0] = 0
    state[f"{layer}.bn_s1.bias"][0] = 1000
    after = state[f"{following}.conv_s1.weight"]
    centre = after.shape[2] // 2
    after[:, 0] = 0
    after[:, 0, centre, centre] = 3
    scale = state[f"{following}.bn_s1._mean"]
    scale += 3000
    assert kernel.shape[0] > 1
    return state
