"""Which keys a configuration has, of which kind, and what a wrong one is answered with."""

from __future__ import annotations

import copy
import difflib
import inspect
import sys
from contextlib import contextmanager
from numbers import Real
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Tuple

from paddleseg_u2net.config.reading import ConfigError, Tree

__all__ = ["ConfigError", "Faults", "check_arguments", "check_tree", "is_number", "nearest"]

# Key -> (what it is, in words; test). Components' keys are their constructors' arguments.
Rule = Tuple[str, Callable[[Any], bool]]


def _integer(low: int) -> Rule:
    return (
        f"a whole number of {low} or more",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low,
    )


def _number(low: float, high: float) -> Rule:
    return (
        f"a number in [{low:g}, {high:g}]",
        lambda value: is_number(value) and low <= value <= high,
    )


def is_number(value: Any) -> bool:
    """Whether it is a finite number, which true and false are not."""
    real = isinstance(value, (int, float, Real)) and not isinstance(value, bool)
    return real and abs(value) <= sys.float_info.max


def _numbers(low: float = float("-inf")) -> Rule:
    return (
        "a list of numbers" + (f" above {low:g}" if low > float("-inf") else ""),
        lambda value: (
            isinstance(value, (list, tuple))
            and len(value) > 0
            and all(is_number(item) and item > low for item in value)
        ),
    )


def _size() -> Rule:
    return (
        "two whole numbers of 1 or more, width and height",
        lambda value: (
            isinstance(value, (list, tuple))
            and len(value) == 2
            and all(_integer(1)[1](item) for item in value)
        ),
    )


def _optional(rule: Rule) -> Rule:
    return f"{rule[0]}, or null", lambda value: value is None or rule[1](value)


_DICTIONARY: Rule = ("a dictionary", lambda value: isinstance(value, dict))
_FLAG: Rule = ("true or false", lambda value: isinstance(value, bool))
_TEXT: Rule = ("text", lambda value: isinstance(value, str))
_NAMES: Rule = (
    "a list of names",
    lambda value: (
        isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)
    ),
)
_SCALES: Rule = (
    "a positive number or a list of them",
    lambda value: (is_number(value) and value > 0) or _numbers(low=0)[1](value),
)

TOP: Dict[str, Rule] = {
    "batch_size": _integer(1),
    "iters": _integer(1),
    "model": _DICTIONARY,
    "preprocess": _DICTIONARY,
    "train_dataset": _DICTIONARY,
    "val_dataset": _DICTIONARY,
    "optimizer": _DICTIONARY,
    "lr_scheduler": _DICTIONARY,
    "loss": _DICTIONARY,
    "trainer": _DICTIONARY,
    "test_config": _DICTIONARY,
    "metrics": _NAMES,
    "conventions": _DICTIONARY,
    "plugins": (
        "a list of modules and Python files",
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
}
REQUIRED = ("batch_size", "iters", "model", "train_dataset", "optimizer", "lr_scheduler", "loss")
REQUIRED_TO_PREDICT = ("model",)
PREPROCESS: Dict[str, Rule] = {
    "type": _TEXT,
    "size": _optional(_size()),
    "mean": _numbers(),
    "std": _numbers(low=0),
}
TRAINER: Dict[str, Rule] = {
    "best_metric": _TEXT,
    "early_stop": _integer(0),
    "accumulate": _integer(1),
    "ema_decay": _number(0, 1),
    "vdl_images": _integer(0),
    "freeze": (
        "a list of layers' names",
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
}
TEST: Dict[str, Rule] = {
    "batch_size": _integer(1),
    "aug_eval": _FLAG,
    "scales": _SCALES,
    "flip_horizontal": _FLAG,
    "flip_vertical": _FLAG,
    "is_slide": _FLAG,
    "crop_size": _optional(_size()),
    "stride": _optional(_size()),
}
MODEL: Dict[str, Rule] = {
    "num_classes": (
        "a whole number from 1 to 256, as many as masks can hold",
        lambda value: type(value) is int and 1 <= value <= 256,
    ),
    "in_channels": ("1, 3 or 4", lambda value: type(value) is int and value in (1, 3, 4)),
    "pretrained": _optional(_TEXT),
    "new_heads": _FLAG,
}
_NOT_NEGATIVE: Rule = ("a number of 0 or more", lambda value: is_number(value) and value >= 0)
GROUP: Dict[str, Rule] = {
    "name": _TEXT,
    "lr_mult": _NOT_NEGATIVE,
    "weight_decay_mult": _NOT_NEGATIVE,
}
OPTIMIZER: Dict[str, Rule] = {
    "weight_decay": _optional(_NOT_NEGATIVE),
    "grad_clip_cfg": _optional(_DICTIONARY),
}
LOSS: Dict[str, Rule] = {
    "types": ("a list of dictionaries", lambda value: isinstance(value, list) and len(value) > 0),
    "coef": _numbers(),
}


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or the known names if none is near."""
    known = sorted(str(item) for item in known)
    near = [item for item in known if item.lower() == str(name).lower()]
    near = near or difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


# As much of a value that is wrong as is worth reading.
_LINE = 1000


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
        """A copy of ``tree`` that lacks what is wrong, so that the rest can be looked at."""
        tree = copy.deepcopy(tree)
        for where, _ in self._found:
            node, parts = tree, where.split(".")
            while len(parts) > 1 and isinstance(node.get(parts[0]), dict):
                node = node[parts.pop(0)]
            node.pop(parts[0], None)
        return tree

    def refuse(self) -> None:
        """Raise ConfigError if there are any: one on a line, several on a line each."""
        lines = list(dict.fromkeys(f"{where}: {what}"[:_LINE] for where, what in self._found))
        if len(lines) == 1:
            raise ConfigError(lines[0])
        if lines:
            raise ConfigError("\n  ".join([f"{len(lines)} faults", *lines]))


def check_tree(tree: Tree, faults: Faults, training: bool = True) -> None:
    """Check the top level and the sections that are not components.

    With ``training`` all that a run needs has to be there, otherwise the model only.
    """
    _check_keys("", tree, TOP, faults)
    for key in REQUIRED if training else REQUIRED_TO_PREDICT:
        if key not in tree:
            needs = "training needs it" if training else "every configuration needs it"
            faults.add(key, f"this key is missing; {needs}")
    for key, rules in (
        ("preprocess", PREPROCESS),
        ("trainer", TRAINER),
        ("test_config", TEST),
        ("loss", LOSS),
    ):
        _check_keys(f"{key}.", _section(tree, key), rules, faults)
    model, optimizer = _section(tree, "model"), _section(tree, "optimizer")
    _check_values("model.", model, MODEL, faults)
    if model.get("new_heads") and not model.get("pretrained"):
        faults.add("model.new_heads", "without model.pretrained all is new; delete it")
    _check_values("optimizer.", optimizer, OPTIMIZER, faults)
    _check_groups(optimizer.get("custom_cfg"), faults)
    if isinstance(tree.get("loss"), dict) and "types" not in tree["loss"]:
        faults.add("loss.types", "this key is missing; e.g. [{type: DeepSupervisionLoss}]")


def _section(tree: Tree, key: str) -> Tree:
    """That section; empty where it is missing or, which is said elsewhere, no dictionary."""
    section = tree.get(key)
    return section if isinstance(section, dict) else {}


def _check_groups(groups: Any, faults: Faults) -> None:
    if groups is None:
        return
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        faults.add(
            "optimizer.custom_cfg",
            f"expected a list such as [{{name: stage1., lr_mult: 0.1}}], got {groups!r}",
        )
        return
    for number, group in enumerate(groups):
        _check_keys(f"optimizer.custom_cfg.{number}.", group, GROUP, faults)
        if "name" not in group:
            faults.add(
                f"optimizer.custom_cfg.{number}.name",
                "this key is missing; it is part of the names of the group's parameters",
            )


def _check_keys(
    prefix: str, section: Mapping[str, Any], rules: Mapping[str, Rule], faults: Faults
) -> None:
    for key in section:
        if key not in rules:
            faults.add(f"{prefix}{key}", f"there is no such key; {nearest(key, rules)}")
    _check_values(prefix, section, rules, faults)


def _check_values(
    prefix: str, section: Mapping[str, Any], rules: Mapping[str, Rule], faults: Faults
) -> None:
    for key, (words, fits) in rules.items():
        if key in section and not fits(section[key]):
            faults.add(f"{prefix}{key}", f"expected {words}, got {section[key]!r}")


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
