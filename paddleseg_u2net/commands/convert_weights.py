"""``tools/convert_weights.py``: weights from one file format to another."""

from __future__ import annotations

import argparse
from typing import List

from paddleseg_u2net.commands.arguments import add_plugins
from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.weights.formats import FORMATS


def _arguments(argv: List[str]) -> argparse.Namespace:
    formats = ", ".join(f"{'/'.join(item.suffixes)} ({name})" for name, item in FORMATS.items())
    result = Parser(
        prog="convert_weights",
        description=f"Convert weights of a U²-Net between {formats}. No code in a file is run.",
    )
    add = result.add_argument
    add("--input", required=True, help="a file of weights, a checkpoint's folder, or a name")
    add("--output", required=True, help="its suffix says the format")
    add(
        "--config",
        metavar="YAML",
        help="the configuration that names the model (default: the one in the checkpoint's folder, "
        "else what the file shows)",
    )
    add_plugins(result)
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Convert; 0 if the file was written and found equal."""
    arguments = _arguments(argv)
    from paddleseg_u2net.export.convert import convert
    from paddleseg_u2net.log import start_logging

    start_logging()
    done = convert(arguments.input, arguments.output, arguments.config)
    source = done.source
    print(f"{source.path}: {source.format_name}, {source.model}, {len(source.state)} tensors")
    if source.config:
        print(f"{source.path}: the model is that of {source.config}")
    for line in done.compared:
        print(line)
    print(f"{arguments.output}: {done.to_format}, written")
    print(f"{done.description}: its model and preprocessing")
    return 0
