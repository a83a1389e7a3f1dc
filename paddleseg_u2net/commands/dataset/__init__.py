"""``tools/dataset.py``: your own data, brought into shape, checked, shown and counted."""

from __future__ import annotations

import importlib
import sys
from typing import List

from paddleseg_u2net._version import __version__
from paddleseg_u2net.commands.parsing import unknown

# Part and what it does; their modules have `run(argv) -> exit code`.
PARTS = {
    "import": "images and labels of other tools into this project's layout, split",
    "check": "open every image and mask, and tell what is wrong with which file",
    "show": "a sheet of samples, with masks, and with what augmentation does to them",
    "stats": "sizes, foreground, classes, colours, as numbers and one picture",
}


def run(argv: List[str]) -> int:
    """Run the part that the first argument names."""
    if argv and argv[0] in PARTS:
        name = "importing" if argv[0] == "import" else argv[0]  # a keyword
        module = importlib.import_module(f"paddleseg_u2net.commands.dataset.{name}")
        return module.run(argv[1:])
    if argv[:1] == ["--version"]:
        print(f"paddleseg_u2net {__version__}")
        return 0
    if argv and argv[0] not in ("-h", "--help"):
        print(unknown("part", argv[0], PARTS, "dataset"), file=sys.stderr)
        return 2
    lines = ["usage: dataset PART ... (PART --help tells more)", ""]
    lines += [f"  {name:<8}{what}" for name, what in PARTS.items()]
    wants_help = argv[:1] in (["-h"], ["--help"])
    print("\n".join(lines), file=sys.stdout if wants_help else sys.stderr)
    return 0 if wants_help else 2
