"""Command lines: wrong ones are answered in one line, with what was probably meant."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Callable, Iterable, List, Mapping, NoReturn, Optional, Sequence

from paddleseg_u2net._version import __version__
from paddleseg_u2net.text import did_you_mean

# Also those that are none of the flag's, so that it says so, and not that there is no such file.
_NUMBER = r"([\d.]+(e[+-]?\d+)?|nan|inf(inity)?)(px|%)?"
_NUMBERS = re.compile(f"{_NUMBER}( +{_NUMBER})*", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no part of a flag for the flag, and knows ``--version``."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})
        version = f"paddleseg_u2net {__version__}"
        self.add_argument("--version", action="version", version=version)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown flag is named before what is missing for want of it."""
        args = sys.argv[1:] if args is None else list(args)
        # Of what follows the name of a part its own parser knows the flags.
        if self._subparsers is None:
            before_dashes = args[: args.index("--")] if "--" in args else args
            flags = [text.partition("=")[0] for text in before_dashes]
            known = self._option_string_actions
            for flag in flags:
                if flag.startswith("--") and " " not in flag and flag not in known:
                    self.error(f"{flag}: there is no such flag{did_you_mean(flag, known)}")
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = list(map(str, action.choices))
            raise argparse.ArgumentError(
                action,
                f"expected one of {', '.join(names)}, got {value!r}{did_you_mean(value, names)}",
            )

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and one line."""
        self.exit(2, f"Error: {_with_help(message, self.prog)}\n")


def file_of(*suffixes: str) -> Callable[[str], Path]:
    """Return the type of an argument: a file to write, of these suffixes or of none."""

    def checked(text: str) -> Path:
        path = Path(text)
        if path.suffix and path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(
                f"expected a name that ends in {' or '.join(suffixes)}, got {text}"
            )
        return path

    return checked


def at_least(low: int) -> Callable[[str], int]:
    """Return the type of an argument: a whole number of ``low`` or more."""

    def checked(text: str) -> int:
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"expected {low} or more, got {text}")
        return int(text)

    checked.__name__ = "int"  # argparse names it where the text is no number
    return checked


def with_defaults(
    argv: Sequence[str], defaults: Mapping[str, str], values: re.Pattern[str] = _NUMBERS
) -> List[str]:
    """Give flags whose value may be left out their default where a word follows that is none.

    Otherwise ``--crop photo.jpg`` would take the photo for the margin.

    Args:
        values: what is a value; else numbers.
    """
    words: List[str] = []
    for place, word in enumerate(argv):
        words.append(word)
        behind = argv[place + 1] if place + 1 < len(argv) else "-"
        if word in defaults and not behind.startswith("-") and not values.fullmatch(behind):
            words.append(defaults[word])
    return words


def only(value: str, nearest: str) -> Callable[[str], str]:
    """Return the type of an argument that has one value here, and what to take for any other."""

    def checked(text: str) -> str:
        if text != value:
            raise argparse.ArgumentTypeError(f"expected {value}, got {text}; {nearest}")
        return text

    return checked


def printable(text: str) -> str:
    """Return ``text`` with escapes for what the terminal has no letters for."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def unknown(what: str, given: Optional[str], known: Iterable[str], command: str) -> str:
    """Return the line that answers an unknown command or part of one."""
    names = list(known)
    if given is None or given.startswith("-"):
        return _with_help(f"Error: expected a {what}, got {given or 'nothing'}", command)
    hint = did_you_mean(given, names) or f"; there are {', '.join(names)}"
    return _with_help(f"Error: there is no {what} {given!r}{hint}", command)


def _with_help(message: str, command: str) -> str:
    return f"{message}{' See' if message.endswith('?') else '; see'} {command} --help"
