"""What the tests of the readers share: label files, images, and masks as lines of text."""

import json

import numpy as np

from paddleseg_u2net.io.images import write_image


def put(path, tree):
    """Write a text, or anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree), encoding="utf-8")
    return path


def blank(path, size=(4, 6)):
    write_image(path, np.zeros((*size, 3), np.uint8))
    return path


def as_text(sample, size=(4, 6)):
    """The mask, a line of digits for each row; ``.`` is the background, ``x`` is ignored."""
    digits = {0: ".", 255: "x"}
    return ["".join(digits.get(n, str(n)) for n in row) for row in sample.mask.read(size).tolist()]


def splits(found):
    return {sample.name: sample.split for sample in found.samples}
