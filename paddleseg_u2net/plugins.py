"""Plugins: modules outside the package that register networks, losses, transforms, data sets, ...

To import them, as ``plugins`` and ``--plugins`` ask for, runs the code in them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Iterable, List, Optional, Sequence

from paddleseg_u2net import registry
from paddleseg_u2net.env import load_paddle

_IMPORTS = re.compile(r"^\s*(?:import|from)\s+(paddle(?:seg(?:_u2net)?)?(?:\.\w+)*)\b", re.M)
_loaded: List[str] = []


class PluginError(ValueError):
    """A plugin cannot be used; the message names the module, the line and the repair."""


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def is_relative(name: str) -> bool:
    """Whether a plugin's name is a relative path."""
    return _is_path(name) and not Path(name).expanduser().is_absolute()


def absolute(name: str, folder: Path) -> str:
    """Return a plugin's name; if it is a path relative to ``folder``, as an absolute path."""
    return str((folder / Path(name).expanduser()).resolve()) if _is_path(name) else name


def loaded() -> List[str]:
    """Return the names of all plugins that this process has imported, for its worker processes."""
    return list(_loaded)


def load_plugins(names: Iterable[str], folder: Optional[Path] = None) -> None:
    """Import plugins, each one once.

    Args:
        names: Dotted module names, or paths of Python files. Modules beside such a file can be
            imported by it.
        folder: What relative paths are relative to; the working folder by default.

    Raises:
        PluginError: A module is missing, raises an error, or registers a name that is taken. None
            of its components stays registered then.
    """
    for name in names:
        name = absolute(name, folder or Path())
        if name not in _loaded:
            _load(name)
            _loaded.append(name)


def named_in(argv: Sequence[str]) -> List[str]:
    """Return the values of ``--plugins`` on a command line, before a parser knows its choices."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--plugins", nargs="*", action="extend", default=[])
    return parser.parse_known_args(argv)[0].plugins


def _load(name: str) -> None:
    if _is_path(name):
        _check_file(Path(name))
    before = registry.components()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* exists already")  # an error, below
            if _is_path(name):
                _import_file(Path(name))
            else:
                importlib.import_module(name)
        _refuse_replacements(name, before)
    except (Exception, SystemExit) as error:
        registry.reset(before)
        if isinstance(error, PluginError):
            raise
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and (name == missing or name.startswith(f"{missing}.")):
            raise PluginError(
                f"{name}: there is no such module; install it, add its folder to PYTHONPATH, or "
                "give the path of a Python file (.py)"
            ) from error
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise PluginError(
            f"{name}{_line_of(error, name)}: {kind}{error}; correct it there, or take the module "
            "out of plugins"
        ) from error


def _check_file(file: Path) -> None:
    if file.suffix != ".py" or not file.is_file():
        raise PluginError(
            f"{file}: expected a Python file (.py), found {'another' if file.exists() else 'none'};"
            " check the path, or name it anew with --opts plugins=[PATH]"
        )
    for module in _IMPORTS.findall(file.read_text("utf-8", errors="replace")):
        if not module.startswith("paddleseg_u2net"):
            load_paddle()  # with the threads and the signals of every other command
        with contextlib.suppress(Exception):  # the plugin's own line raises it again
            importlib.import_module(module)  # what it registers is whole before the plugin adds


def _import_file(file: Path) -> None:
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    # a name that no other module has, and the same one in worker processes
    name = f"{file.stem}_{zlib.crc32(str(file).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # it is a Python file
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _refuse_replacements(name: str, before: registry.Components) -> None:
    for kind, components in registry.components().items():
        for key, component in components.items():
            held = before.get(kind, {}).get(key, component)
            if held is not component:
                line = inspect.getsourcelines(component)[1]
                raise PluginError(
                    f"{name}, line {line}: the name {key} is taken in PaddleSeg's {kind} by "
                    f"{held.__module__}; give it another name"
                )


def _line_of(error: BaseException, name: str) -> str:
    """Return where an error arose: the last line of the plugin's file, or else the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    own = [line for path, line in places if path == name]
    if own:
        return f", line {own[-1]}"
    others = [place for place in places if place[0] != __file__ and not place[0].startswith("<")]
    return f": {others[-1][0]}, line {others[-1][1]}" if others else ""
