"""``python -m paddleseg_u2net COMMAND ...``."""

from __future__ import annotations

import sys

from paddleseg_u2net.commands import COMMANDS, end_by


def _usage() -> str:
    lines = [f"  {name:<17}{what}" for name, what in COMMANDS.items()]
    return "usage: python -m paddleseg_u2net COMMAND ...\n\n" + "\n".join(lines)


def cli() -> None:
    """Run the command that the arguments name."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        wants_help = sys.argv[1:2] in (["-h"], ["--help"])
        print(_usage(), file=sys.stdout if wants_help else sys.stderr)
        sys.exit(0 if wants_help else 2)
    end_by(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    cli()
