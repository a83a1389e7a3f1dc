"""``tools/convert_weights.py``: weights from one file format to another."""

from __future__ import annotations

import argparse
from typing import List

from paddleseg_u2net.runtime import load_paddle
from paddleseg_u2net.weights.formats import FORMATS


def _arguments(argv: List[str]) -> argparse.Namespace:
    formats = ", ".join(f"{'/'.join(item.suffixes)} ({name})" for name, item in FORMATS.items())
    result = argparse.ArgumentParser(
        prog="convert_weights",
        description=f"Convert weights of a U²-Net between {formats}. No code in a file is run.",
    )
    result.add_argument("--input", required=True, help="a file of weights, or a name of the zoo")
    result.add_argument("--output", required=True, help="its suffix says the format")
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Convert; 0 if the file was written and found equal."""
    arguments = _arguments(argv)
    load_paddle()
    from paddleseg_u2net.engine.convert import convert

    done = convert(arguments.input, arguments.output)
    print(f"{done.source}: {done.from_format}, {done.model}, {done.tensors} tensors")
    for item in done.comparisons:
        print(
            f"{item.first} and {item.second}: probabilities differ by {item.difference:.2g} at most"
        )
    if not done.comparisons:
        print("compared with nothing: the other runtime is not installed")
    print(f"{arguments.output}: {done.to_format}, written")
    return 0
