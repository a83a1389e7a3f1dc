"""Which keys a configuration has, of which kind, and what a wrong one is answered with."""

from __future__ import annotations

import difflib
import inspect
from numbers import Real
from typing import Any, Callable, Dict, Iterable, Mapping, Tuple

from paddleseg_u2net.config.reading import ConfigError, Tree

__all__ = ["ConfigError", "check_arguments", "check_tree", "nearest"]

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
        lambda value: _is_number(value) and low <= value <= high,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _numbers(low: float = float("-inf")) -> Rule:
    return (
        "a list of numbers" + (f" above {low:g}" if low > float("-inf") else ""),
        lambda value: (
            isinstance(value, (list, tuple))
            and len(value) > 0
            and all(_is_number(item) and item > low for item in value)
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
    lambda value: (_is_number(value) and value > 0) or _numbers(low=0)[1](value),
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
    "num_classes": _integer(1),
    "in_channels": ("1, 3 or 4", lambda value: type(value) is int and value in (1, 3, 4)),
    "pretrained": _optional(_TEXT),
    "new_heads": _FLAG,
}
GROUP: Dict[str, Rule] = {
    "name": _TEXT,
    "lr_mult": ("a number of 0 or more", lambda value: _is_number(value) and value >= 0),
    "weight_decay_mult": ("a number of 0 or more", lambda value: _is_number(value) and value >= 0),
}
LOSS: Dict[str, Rule] = {
    "types": ("a list of dictionaries", lambda value: isinstance(value, list) and len(value) > 0),
    "coef": _numbers(),
}


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or the known names if none is near."""
    known = sorted(str(item) for item in known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    lowered = {item.lower(): item for item in known}
    if not near and str(name).lower() in lowered:
        near = [lowered[str(name).lower()]]
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def check_tree(tree: Tree, training: bool = True) -> None:
    """Check the top level and the sections that are not components.

    With ``training`` all that a run needs has to be there, otherwise the model only.

    Raises:
        ConfigError: a key is missing, unknown or of another kind.
    """
    _check_keys("", tree, TOP)
    for key in REQUIRED if training else REQUIRED_TO_PREDICT:
        if key not in tree:
            needs = "training needs it" if training else "every configuration needs it"
            raise ConfigError(f"{key}: this key is missing; {needs}")
    for key, rules in (
        ("preprocess", PREPROCESS),
        ("trainer", TRAINER),
        ("test_config", TEST),
        ("loss", LOSS),
    ):
        _check_keys(f"{key}.", tree.get(key, {}), rules)
    for key, (words, fits) in MODEL.items():
        if key in tree["model"] and not fits(tree["model"][key]):
            raise ConfigError(f"model.{key}: expected {words}, got {tree['model'][key]!r}")
    if tree["model"].get("new_heads") and not tree["model"].get("pretrained"):
        raise ConfigError("model.new_heads: without model.pretrained all is new; delete it")
    _check_groups(tree.get("optimizer", {}).get("custom_cfg"))
    if "loss" in tree and "types" not in tree["loss"]:
        raise ConfigError("loss.types: this key is missing; e.g. [{type: DeepSupervisionLoss}]")


def _check_groups(groups: Any) -> None:
    if groups is None:
        return
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise ConfigError(
            "optimizer.custom_cfg: expected a list such as [{name: stage1., lr_mult: 0.1}], got "
            f"{groups!r}"
        )
    for number, group in enumerate(groups):
        _check_keys(f"optimizer.custom_cfg.{number}.", group, GROUP)
        if "name" not in group:
            raise ConfigError(
                f"optimizer.custom_cfg.{number}.name: this key is missing; it is part of the "
                "names of the group's parameters"
            )


def _check_keys(prefix: str, section: Mapping[str, Any], rules: Mapping[str, Rule]) -> None:
    for key, value in section.items():
        if key not in rules:
            raise ConfigError(f"{prefix}{key}: there is no such key; {nearest(key, rules)}")
        words, fits = rules[key]
        if not fits(value):
            raise ConfigError(f"{prefix}{key}: expected {words}, got {value!r}")


def check_arguments(
    where: str, component: Callable[..., Any], arguments: Mapping[str, Any]
) -> None:
    """Check arguments from YAML against a constructor's signature.

    Raises:
        ConfigError: an argument is unknown or missing, or is text where the default is a number.
    """
    parameters = dict(inspect.signature(component).parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for key, value in arguments.items():
        if key not in parameters:
            raise ConfigError(f"{where}.{key}: there is no such key; {nearest(key, parameters)}")
        default = parameters[key].default
        if _is_number(default) and isinstance(value, str):
            raise ConfigError(f"{where}.{key}: expected a number, got the text {value!r}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise ConfigError(f"{where}.{key}: this key is missing; {component.__name__} needs it")
