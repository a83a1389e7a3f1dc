"""Plugins: modules outside the package that register networks, losses, transforms, data sets, ...

A configuration names them under ``plugins``, a command line under ``--plugins``. They are imported,
which runs the code in them; what they register is then found by its name.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence

from paddleseg_u2net import registry
from paddleseg_u2net.env import load_paddle

_IMPORTS_PADDLE = re.compile(r"^\s*(import|from)\s+paddle(seg)?\b", re.M)
# What was imported, in that order: a dotted module name or a file's absolute path.
_loaded: Dict[str, str] = {}


class PluginError(ValueError):
    """A plugin cannot be used; the message names the module, the line and the repair."""


def absolute(name: str, folder: Path) -> str:
    """Return a plugin's name; if it is a path relative to ``folder``, as an absolute path."""
    return str((folder / Path(name).expanduser()).resolve()) if _is_path(name) else name


def is_relative(name: str) -> bool:
    """Whether a plugin's name is a relative path."""
    return _is_path(name) and not Path(name).expanduser().is_absolute()


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


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


def named_in(argv: Sequence[str]) -> List[str]:
    """Return the values of ``--plugins`` on a command line, before a parser knows its choices."""
    names: List[str] = []
    taking = False
    for word in argv:
        flag, equals, value = word.partition("=")
        if flag == "--plugins" and equals:
            names.append(value)
        elif word.startswith("-"):
            taking = word == "--plugins"
        elif taking:
            names.append(word)
    return names


def _load(name: str) -> None:
    file = _file_of(name)
    if file is not None and _IMPORTS_PADDLE.search(file.read_text("utf-8", errors="replace")):
        load_paddle()  # with the threads and the signals of every other command
    before = registry.components()
    module = _module_name(file) if name.endswith(".py") and file else name
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* exists already")  # an error, below
            if file is not None and module != name:
                _import_file(file, module)
            else:
                importlib.import_module(module)
        _refuse_replacements(name, before)
    except (Exception, SystemExit) as error:
        registry.reset(before)
        sys.modules.pop(module, None)
        if isinstance(error, PluginError):
            raise
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise PluginError(
            f"{name}{_line_of(error, file)}: {kind}{error}; correct it there, or take the module "
            "out of plugins"
        ) from error
    _loaded[name] = module


def _file_of(name: str) -> Optional[Path]:
    """Return the source file of a plugin that is there; None if it has none."""
    path = Path(name)
    if path.is_absolute():
        if path.suffix == ".py" and path.is_file():
            return path
        raise PluginError(
            f"{name}: expected a Python file (.py), found {'another' if path.exists() else 'none'};"
            " check the path. One in a configuration is relative to the configuration's folder; "
            "where the file has moved since, name it anew with --opts plugins=[PATH]"
        )
    try:
        spec = importlib.util.find_spec(name)  # which imports the package that it is in
    except (ImportError, ValueError) as error:
        missing = getattr(error, "name", None) or name
        if name != missing and not name.startswith(f"{missing}."):
            return None  # the package needs another module: said when it is imported
        spec = None
    except Exception:
        return None
    if spec is None:
        raise PluginError(
            f"{name}: there is no such module; install it, add its folder to PYTHONPATH, or give "
            "the path of a Python file (.py)"
        )
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _module_name(file: Path) -> str:
    """Return the name that a file is imported under: its own, if nothing else has that."""
    try:
        spec = importlib.util.find_spec(file.stem)
        taken = spec is not None and spec.origin != str(file)  # a worker finds the file itself
    except (ImportError, ValueError):
        taken = True
    return f"{file.stem}_{zlib.crc32(str(file).encode()):08x}" if taken else file.stem


def _import_file(file: Path, name: str) -> None:
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
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


def _line_of(error: BaseException, file: Optional[Path]) -> str:
    """Return where an error arose: the last line of the plugin, or else the last of all."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno)]
    else:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        places = [(frame.filename, frame.lineno) for frame in frames]
    own = [place for place in places if file and _is_part(Path(place[0]), file)]
    others = [place for place in places if not place[0].startswith("<") and place[0] != __file__]
    if not own and not others:
        return ""
    path, line = (own or others)[-1]
    return f", line {line}" if file and Path(path) == file else f": {path}, line {line}"


def _is_part(path: Path, plugin: Path) -> bool:
    return path == plugin or (plugin.name == "__init__.py" and plugin.parent in path.parents)
