"""YAML to Python values. Whoever reads YAML reads it here: the text may be anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import yaml

from paddleseg_u2net.io.files import open_file

# Far more than a configuration has. PyYAML, copying and writing take a few calls for each level,
# of Python's thousand; 100,000 values take a second.
_BYTES, _LEVELS, _COPIED = 2**20, 64, 100_000
# What PyYAML's constructors raise on texts such as `!!int ""`, `!!bool x`, `1:1:1.5e999`.
_CONSTRUCTION = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class YamlError(ValueError):
    """A text is no YAML that can be used; the message says in which line, and why."""


def read_yaml_file(path: Union[str, Path], loader: Any = yaml.SafeLoader) -> Any:
    """Return the value of the YAML file ``path``, in UTF-8 or UTF-16; else as ``load_yaml``."""
    with open_file(path) as file:
        return load_yaml(file.read(_BYTES + 1), loader)


def load_yaml(text: Union[str, bytes], loader: Any = yaml.SafeLoader) -> Any:
    """Return the value of a YAML text of at most 1 MiB, by a loader that makes no objects."""
    if len(text) > _BYTES:
        raise YamlError(f"expected at most {_BYTES} bytes, got more; is this the right file?")
    try:
        _refuse_endless(text, loader)
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise YamlError(f"{_line(getattr(error, 'problem_mark', None))}{_reason(error)}") from None
    except YamlError:
        raise
    except _CONSTRUCTION as error:
        raise YamlError(f"a value cannot be read: {type(error).__name__}: {error}") from None


class _Open:
    """A list or dictionary that has begun: its values and levels so far, aliases written out."""

    def __init__(self, anchor: Optional[str]) -> None:
        self.anchor, self.values, self.levels = anchor, 1, 1


def _refuse_endless(text: Union[str, bytes], loader: Any) -> None:
    """Refuse what would take for ever, or too many calls, before anything is built of it."""
    begun: List[_Open] = []
    named: Dict[Optional[str], Tuple[int, int]] = {}  # what an anchor names: its values, levels
    copied = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            begun.append(_Open(event.anchor))
            values, levels = 0, 0  # counted when it ends
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = begun.pop()
            values, levels = ended.values, ended.levels
            if ended.anchor:
                named[ended.anchor] = values, levels
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [one.anchor for one in begun]:
                raise YamlError(
                    f"{_line(event.start_mark)}*{event.anchor} stands inside of what it names, "
                    "which would never end; write out what is meant"
                )
            values, levels = named.get(event.anchor, (1, 0))
            copied += values
        elif isinstance(event, yaml.ScalarEvent):
            values, levels = 1, 0
            if event.anchor:
                named[event.anchor] = values, levels
        else:
            continue
        if len(begun) + levels > _LEVELS:
            raise YamlError(
                f"{_line(event.start_mark)}nested deeper than {_LEVELS} levels; is this the right "
                "file?"
            )
        if copied > _COPIED:
            raise YamlError(
                f"{_line(event.start_mark)}aliases stand for more than {_COPIED:,} values; write "
                "out what is meant"
            )
        if begun:
            begun[-1].values += values
            begun[-1].levels = max(begun[-1].levels, levels + 1)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark else ""


def _reason(error: yaml.YAMLError) -> str:
    """PyYAML's reason on one line."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"position {error.position} is no text in UTF-8 or UTF-16; save the file as UTF-8"
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = ", ".join(part for part in parts if part) or " ".join(str(error).split())
    return f"{said}; indent with spaces" if r"'\t'" in said else said
