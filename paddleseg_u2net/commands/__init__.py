"""The commands: arguments to one call. Also ``python -m paddleseg_u2net COMMAND``."""

from __future__ import annotations

import importlib
import os
import sys
from typing import List, Optional

# Module name and what it does; the modules have `run(argv) -> exit code`.
COMMANDS = {
    "train": "train a model from a configuration",
    "val": "score a trained model",
    "predict": "write pictures of a model's predictions",
    "draw": "draw a data set of objects with exact masks",
    "quickstart": "draw, train, validate and predict in a few minutes",
}


def main(command: str, argv: Optional[List[str]] = None) -> int:
    """Run a command; errors of its input become a line on standard error and exit code 1.

    ``U2NET_DEBUG=1`` shows where in the code they arose.
    """
    argv = sys.argv[1:] if argv is None else argv
    module = importlib.import_module(f"paddleseg_u2net.commands.{command}")
    try:
        return module.run(argv)
    except (ValueError, OSError) as error:
        if os.environ.get("U2NET_DEBUG"):
            raise
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
