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


def _refuse_endless(text: Union[str, bytes], loader: Any) -> None:
    """Refuse what would take for ever, or too many calls, before anything is built of it."""
    # What has begun, and what an anchor names: its values and levels, with aliases written out.
    begun: List[Tuple[Optional[str], List[int]]] = []
    named: Dict[Optional[str], List[int]] = {}
    copied = 0
    for event in yaml.parse(text, Loader=loader):
        values, levels = 1, 0
        if isinstance(event, yaml.CollectionStartEvent):
            begun.append((event.anchor, [1, 1]))
            values = 0  # counted when it ends
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, named[anchor] = begun.pop()
            values, levels = named[anchor]
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in [anchor for anchor, _ in begun]:
                raise YamlError(
                    f"{_line(event.start_mark)}*{event.anchor} stands inside of what it names, "
                    "which would never end; write out what is meant"
                )
            values, levels = named.get(event.anchor, (1, 0))
            copied += values
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if len(begun) + levels > _LEVELS or copied > _COPIED:
            raise YamlError(
                f"{_line(event.start_mark)}nested deeper than {_LEVELS} levels, or aliases stand "
                f"for more than {_COPIED:,} values; is this the right file?"
            )
        if begun:
            counts = begun[-1][1]
            counts[0] += values
            counts[1] = max(counts[1], levels + 1)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}: " if mark else ""


def _reason(error: yaml.YAMLError) -> str:
    """PyYAML's reason on one line."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"position {error.position} is no text in UTF-8 or UTF-16; save the file as UTF-8"
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    said = ", ".join(part for part in parts if part) or " ".join(str(error).split())
    return f"{said}; indent with spaces" if r"'\t'" in said else said
