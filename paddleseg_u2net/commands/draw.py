"""Draw a data set of textured objects with exact masks, to try things on."""

from __future__ import annotations

from pathlib import Path
from typing import List

from paddleseg_u2net.commands.parsing import Parser


def run(argv: List[str]) -> int:
    """Draw; 0 if the folder holds the data set."""
    result = Parser(prog="draw", description=__doc__)
    result.add_argument("--save_dir", default="data/drawn", help="folder that is made")
    result.add_argument("--train", type=int, default=160, help="pictures to train on")
    result.add_argument("--val", type=int, default=40, help="held-out pictures")
    result.add_argument("--size", type=int, nargs=2, default=(160, 160), metavar=("W", "H"))
    result.add_argument("--seed", type=int, default=0)
    arguments = result.parse_args(argv)

    from paddleseg_u2net.datasets.synthetic import draw_dataset

    width, height = arguments.size
    folder = Path(arguments.save_dir)
    draw_dataset(folder, arguments.train, arguments.val, arguments.seed, (height, width))
    print(f"{arguments.train} + {arguments.val} pairs are in {folder}")
    return 0
