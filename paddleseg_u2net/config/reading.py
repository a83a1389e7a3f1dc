"""YAML files with `_base_`, and `--opts`: to one plain dictionary. Checks syntax, not meaning."""

from __future__ import annotations

import contextlib
import copy
import re
from ast import literal_eval
from pathlib import Path
from typing import Any, Dict, Iterable, Tuple, Union

import yaml

from paddleseg_u2net.io.yaml_text import YamlError, load_yaml, read_yaml_file
from paddleseg_u2net.plugins import absolute

Tree = Dict[str, Any]
_DEEPEST = 64  # files below one another
# How long to train, said in one of two ways: whoever says one overrides the other, too.
LENGTHS = ("iters", "epochs")
_WEIGHTS = (".pdparams", ".pth", ".pt", ".onnx", ".safetensors")


class ConfigError(ValueError):
    """A configuration cannot be used; the message names the file or key and the repair."""


class _Loader(yaml.SafeLoader):
    """YAML whose numbers are those of YAML 1.2: PyYAML takes ``1e-3`` for text. A key that stands
    twice is an error, as there: PyYAML takes the last one.
    """

    def compose_mapping_node(self, anchor: Any) -> Any:
        """Refuse what has a key twice; keys that ``<<`` brings come later."""
        node = super().compose_mapping_node(anchor)
        lines: Dict[Any, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in lines:
                raise yaml.composer.ComposerError(
                    None,
                    None,
                    f"the key {key.value} stands in line {lines[key.tag, key.value]} already; keep "
                    "one of the two",
                    key.start_mark,
                )
            if isinstance(key, yaml.ScalarNode):
                lines[key.tag, key.value] = key.start_mark.line + 1
        return node


class _LastLoader(_Loader):
    """The same, which takes the last of two keys."""

    compose_mapping_node = yaml.SafeLoader.compose_mapping_node


class _Dumper(yaml.SafeDumper):
    """The reverse: text that ``_Loader`` would take for a number is quoted."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )


def dump(tree: Tree) -> str:
    """YAML that ``read_yaml`` reads back to the same tree; tuples become lists."""
    return yaml.dump(_plain(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def flat(tree: Tree, prefix: str = "") -> Dict[str, Union[bool, int, float, str]]:
    """Every value by its whole key (``model.type``); lists of plain values as text, no nulls."""
    found: Dict[str, Union[bool, int, float, str]] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
            value = {str(number): item for number, item in enumerate(value)}
        if isinstance(value, dict):
            found.update(flat(value, f"{key}."))
        elif isinstance(value, (bool, int, float, str)):
            found[key] = value
        elif value is not None and len(value):
            found[key] = str(list(value))
    return found


def read_yaml(path: Union[str, Path], as_paddleseg: bool = False) -> Tree:
    """The dictionary in ``path``, over those of its ``_base_`` files; a later one overrides an
    earlier one. Dictionaries are merged, except where the upper one says ``_inherited_: False`` or
    names another ``type``: arguments of one mean nothing to another. Lists are replaced.

    In PaddleSeg an earlier file overrides a later one, and another ``type`` keeps the arguments.
    """
    return _read(Path(path), (), {}, as_paddleseg)


def _read(
    path: Path, above: Tuple[Path, ...], known: Dict[Path, Tree], as_paddleseg: bool = False
) -> Tree:
    if path.resolve() in known:  # the base of several files
        return known[path.resolve()]
    asked_by = f" (the _base_ of {above[-1]})" if above else ""
    if not path.is_file():
        raise ConfigError(f"{path}{asked_by}: there is no such configuration file; check the path")
    if path.resolve() in [file.resolve() for file in above] or len(above) > _DEEPEST:
        raise ConfigError(
            f"{path}{asked_by}: _base_ files form a circle or a chain of more than {_DEEPEST}; "
            "take one of them out"
        )
    tree = _load(path, as_paddleseg)
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected `key: value` lines, got {type(tree).__name__}")
    # A relative path in the configuration of weights, which may be a stranger's, stays as it is,
    # and is refused where it is to be imported: it would run code that came with the weights.
    if not _is_beside_weights([*above, path][0]):
        tree = _with_absolute_plugins(tree, path.parent)
    bases = tree.pop("_base_", [])
    if not isinstance(bases, (str, list)) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{path}: _base_: expected a file or a list of files, got {bases!r}")
    merged: Tree = {}
    files = [bases] if isinstance(bases, str) else bases
    drops = not as_paddleseg
    for base in reversed(files) if as_paddleseg else files:
        upper = _read(path.parent / base, (*above, path), known, as_paddleseg)
        merged = merge(upper, _without_other_length(merged, upper), drops)
    known[path.resolve()] = merge(tree, _without_other_length(merged, tree), drops)
    return known[path.resolve()]


def _load(path: Path, as_paddleseg: bool) -> Any:
    """What is in a file; as PaddleSeg reads it, of a key that stands twice the last one counts."""
    try:
        return read_yaml_file(path, _Loader)
    except YamlError as error:
        if as_paddleseg:
            with contextlib.suppress(YamlError):
                return read_yaml_file(path, _LastLoader)
        raise ConfigError(f"{path}: this is not YAML: {error}") from error


def _without_other_length(lower: Tree, given: Iterable[str]) -> Tree:
    """``lower`` without ``iters`` where ``epochs`` is given over it, and the reverse."""
    given = set(given) & set(LENGTHS)
    return {key: value for key, value in lower.items() if not given or key not in LENGTHS}


def _is_beside_weights(path: Path) -> bool:
    return path.with_name("model.pdparams").exists() or any(
        path.with_suffix(suffix).exists() for suffix in _WEIGHTS
    )


def _with_absolute_plugins(tree: Tree, folder: Path) -> Tree:
    """``tree`` with the paths of its ``plugins`` relative to ``folder`` made absolute, so that the
    configurations which runs save find them again; unchanged if ``plugins`` is wrong.
    """
    names = tree.get("plugins")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return tree
    return {**tree, "plugins": [absolute(name, folder) for name in names]}


def merge(upper: Tree, lower: Tree, drops: bool = True) -> Tree:
    """``upper`` over ``lower``, as ``read_yaml`` says; neither is changed. With ``drops`` another
    ``type`` drops what was inherited.
    """
    upper = copy.deepcopy(upper)
    inherits = upper.pop("_inherited_", True)
    other_type = "type" in upper and "type" in lower and upper["type"] != lower["type"]
    merged = copy.deepcopy(lower) if inherits and not (other_type and drops) else {}
    for key, value in upper.items():
        if isinstance(value, dict):
            below = merged.get(key)
            # The keys of `preprocess` mean the same in all its types.
            below = below if isinstance(below, dict) else {}
            merged[key] = merge(value, below, drops and key != "preprocess")
        else:
            merged[key] = value
    return merged


def apply_opts(tree: Tree, opts: Iterable[str]) -> Tree:
    """``tree`` with ``key.sub.0.key=value`` items set."""
    items = list(opts)
    tree = copy.deepcopy(_without_other_length(tree, (item.partition("=")[0] for item in items)))
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--opts: expected key=value such as model.num_classes=2, got {item!r}"
            )
        _set(tree, key, _value(text))
        if key.partition(".")[0] == "plugins":
            tree = _with_absolute_plugins(tree, Path())
    return tree


def as_tree(source: Union[str, Path, Tree], opts: Iterable[str]) -> Tree:
    """The dictionary of a YAML file, or a copy of a given one, with ``opts`` set."""
    if isinstance(source, dict):
        return apply_opts(_with_absolute_plugins(source, Path()), opts)
    return apply_opts(read_yaml(source), opts)


def _value(text: str) -> Any:
    """A Python literal as in PaddleSeg (`0.75,1.0`, `None`), else YAML, else text."""
    try:
        value = literal_eval(text)
        return list(value) if isinstance(value, tuple) else value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass  # all that Python's manual names
    try:
        return load_yaml(text, _Loader)
    except YamlError:
        return text


def _set(tree: Tree, key: str, value: Any) -> None:
    *parents, last = key.split(".")
    node: Any = tree
    try:
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value
    except (AttributeError, IndexError, TypeError, ValueError):
        raise ConfigError(
            f"--opts {key}: there is no such place in it; items of lists are 0, 1, ..."
        ) from None
