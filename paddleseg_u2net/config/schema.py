"""What is wrong with a configuration, collected, and the checks of its keys and their kinds."""

from __future__ import annotations

import copy
import difflib
import inspect
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, List, Mapping, Tuple

from paddleseg_u2net.config.reading import ConfigError, Tree
from paddleseg_u2net.config.settings import (
    OPEN,
    SECTIONS,
    ParameterGroup,
    Rule,
    is_number,
    rules_of,
    top_rules,
)

REQUIRED = ("batch_size", "iters", "model", "train_dataset", "optimizer", "lr_scheduler", "loss")
REQUIRED_TO_PREDICT = ("model",)
# As much of a value that is wrong as is worth reading.
_LINE = 1000


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or the known names if none is near."""
    known = sorted(str(item) for item in known)
    near = [item for item in known if item.lower() == str(name).lower()]
    near = near or difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


class Faults:
    """What is wrong with a configuration, collected so that all of it is said at once."""

    def __init__(self) -> None:
        self._found: List[Tuple[str, str]] = []

    def add(self, where: str, what: str) -> None:
        """Note that the key ``where`` is wrong; ``what`` says how, and the repair."""
        self._found.append((where, what))

    @contextmanager
    def caught(self, where: str = "", section: str = "") -> Iterator[None]:
        """Note an error of a value: of the key ``where``, or of the one that the message begins
        with, which may leave out ``section``.
        """
        try:
            yield
        except (TypeError, ValueError) as error:
            key, colon, rest = str(error).partition(": ")
            if where or not colon:
                self.add(where or section, str(error))
            elif section and not key.startswith(section):
                self.add(f"{section}.{key}", rest)
            else:
                self.add(key, rest)

    def under(self, *keys: str) -> bool:
        """Whether one of ``keys``, what is below it or what it is in is wrong."""
        return any(
            where == key or where.startswith(f"{key}.") or key.startswith(f"{where}.")
            for where, _ in self._found
            for key in keys
        )

    def without(self, tree: Tree) -> Tree:
        """A copy of ``tree`` that lacks what is wrong, so that the rest can be checked."""
        tree = copy.deepcopy(tree)
        for where, _ in self._found:
            node, parts = tree, where.split(".")
            while len(parts) > 1 and isinstance(node.get(parts[0]), dict):
                node = node[parts.pop(0)]
            node.pop(parts[0], None)
        return tree

    def refuse(self, source: Any = "") -> None:
        """Raise ConfigError if there are any: one on a line, several on a line each."""
        lines = list(dict.fromkeys(f"{where}: {what}"[:_LINE] for where, what in self._found))
        if not lines:
            return
        text = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults", *lines])
        raise ConfigError(f"{source}: {text}" if source else text)


def check_tree(tree: Tree, faults: Faults, training: bool = True) -> None:
    """Check the top level and the keys of sections, but for arguments of components.

    With ``training`` all that a run needs has to be there, otherwise the model only.
    """
    _check_keys("", tree, top_rules(), faults)
    for key in REQUIRED if training else REQUIRED_TO_PREDICT:
        if key not in tree:
            needs = "training needs it" if training else "every configuration needs it"
            faults.add(key, f"this key is missing; {needs}")
    for key, section in SECTIONS.items():
        if isinstance(tree.get(key), dict):  # else that is said above
            _check_keys(f"{key}.", tree[key], rules_of(section), faults, key in OPEN)
            if key in _CHECKS:
                _CHECKS[key](tree[key], faults)


def _check_new_heads(model: Tree, faults: Faults) -> None:
    if model.get("new_heads") and not model.get("pretrained"):
        faults.add("model.new_heads", "without model.pretrained all is new; delete it")


def _check_types(loss: Tree, faults: Faults) -> None:
    if "types" not in loss:
        faults.add("loss.types", "this key is missing; e.g. [{type: DeepSupervisionLoss}]")


def _check_groups(optimizer: Tree, faults: Faults) -> None:
    groups = optimizer.get("custom_cfg")
    if groups is None:
        return
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        faults.add(
            "optimizer.custom_cfg",
            f"expected a list such as [{{name: stage1., lr_mult: 0.1}}], got {groups!r}",
        )
        return
    for number, group in enumerate(groups):
        where = f"optimizer.custom_cfg.{number}."
        _check_keys(where, group, rules_of(ParameterGroup), faults)
        if "name" not in group:
            faults.add(
                f"{where}name",
                "this key is missing; it is part of the names of the group's parameters",
            )


_CHECKS = {"model": _check_new_heads, "loss": _check_types, "optimizer": _check_groups}


def _check_keys(
    prefix: str,
    section: Mapping[str, Any],
    rules: Mapping[str, Rule],
    faults: Faults,
    is_open: bool = False,
) -> None:
    for key, value in section.items():
        words, fits = rules.get(key, ("", None))
        if fits is not None and not fits(value):
            faults.add(f"{prefix}{key}", f"expected {words}, got {value!r}")
        elif fits is None and not is_open:
            faults.add(f"{prefix}{key}", f"there is no such key; {nearest(key, rules)}")


def check_arguments(
    where: str, component: Callable[..., Any], arguments: Mapping[str, Any], faults: Faults
) -> None:
    """Check arguments from YAML against a constructor's signature.

    An argument may be unknown or missing, or text where the default is a number.
    """
    parameters = dict(inspect.signature(component).parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key, value in arguments.items():
        if key not in parameters:
            faults.add(f"{where}.{key}", f"there is no such key; {nearest(key, parameters)}")
        elif is_number(parameters[key].default) and isinstance(value, str):
            faults.add(f"{where}.{key}", f"expected a number, got the text {value!r}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in arguments:
            faults.add(f"{where}.{key}", f"this key is missing; {component.__name__} needs it")


def check_component(
    where: str,
    block: Any,
    known: Mapping[str, Any],
    faults: Faults,
    says: str = "there is no {!r}",
    key: str = "type",
) -> bool:
    """Whether ``block`` names a component by ``key``, and its other keys are its arguments.

    Args:
        where: the key of ``block``.
        known: the components by their names.
        says: what is said of a name that is not known.
    """
    if not isinstance(block, Mapping):
        faults.add(where, f"expected a dictionary with a {key}, got {block!r}")
        return False
    arguments = dict(block)
    name = arguments.pop(key, None)
    if not isinstance(name, str) or name not in known:
        faults.add(f"{where}.{key}", f"{says.format(name)}; {nearest(str(name), known)}")
        return False
    check_arguments(where, known[name], arguments, faults)
    return not faults.under(where)
