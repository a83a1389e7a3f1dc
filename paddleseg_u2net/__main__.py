"""``python -m paddleseg_u2net COMMAND ...``."""

from __future__ import annotations

import sys

from paddleseg_u2net._version import __version__
from paddleseg_u2net.commands import COMMANDS, end_by


def _usage() -> str:
    lines = [f"  {name:<17}{what}" for name, what in COMMANDS.items()]
    return "usage: python -m paddleseg_u2net COMMAND ...\n\n" + "\n".join(lines)


def cli() -> None:
    """Run the command that the arguments name."""
    given = sys.argv[1] if sys.argv[1:] else None
    if given in COMMANDS:
        end_by(given, sys.argv[2:])
    if given == "--version":
        print(f"paddleseg_u2net {__version__}")
        sys.exit(0)
    if given in ("-h", "--help"):
        print(_usage())
        sys.exit(0)
    if given is None:
        print(_usage(), file=sys.stderr)
    else:
        from paddleseg_u2net.commands.parsing import unknown

        print(unknown("command", given, COMMANDS, "paddleseg_u2net"), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    cli()
