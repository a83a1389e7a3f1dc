"""The first stage of checking a configuration: its keys, the kinds of their values, what is
missing. And how a component is checked that a section names.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, List, Mapping

from paddleseg_u2net.config.reading import LENGTHS, ConfigError, Tree
from paddleseg_u2net.config.settings import (
    OPEN,
    SECTIONS,
    ParameterGroup,
    Rule,
    is_number,
    rules_of,
    top_rules,
)
from paddleseg_u2net.config.signatures import parameters_of, takes_anything
from paddleseg_u2net.text import did_you_mean

REQUIRED = ("batch_size", "model", "train_dataset", "optimizer", "lr_scheduler", "loss")
# As much of a value that is wrong as is worth reading.
_LINE = 1000


def nearest(name: Any, known: Iterable[Any]) -> str:
    """`did you mean X?`, or the known names if none is near."""
    names = sorted(map(str, known))
    return did_you_mean(name, names)[2:] or f"known: {', '.join(names)}"


def refuse(faults: List[str], source: Any) -> None:
    """Raise ConfigError if there are faults: one on a line, several on a line each."""
    lines = [fault[:_LINE] for fault in dict.fromkeys(faults)]
    if lines:
        text = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults", *lines])
        raise ConfigError(f"{source}: {text}")


def note(prefix: str, check: Callable[[], Any], faults: List[str]) -> None:
    """Note an error of ``check``, behind the key or the section (``loss.``) of what is checked,
    where its message does not begin with that.
    """
    try:
        check()
    except (TypeError, ValueError) as error:
        text = str(error)
        if prefix.endswith("."):
            prefix = "" if text.startswith(prefix) else prefix
            prefix = prefix if ": " in text else f"{prefix[:-1]}: "
        faults.append(prefix + text)


def check_keys(tree: Tree, faults: List[str], training: bool = True) -> None:
    """Check the top level and the sections' keys, but for arguments of components. With
    ``training`` all that a run needs has to be there, otherwise the model only.
    """
    _check_section("", tree, top_rules(), faults)
    for key in REQUIRED if training else ("model",):
        if key not in tree:
            needs = "training needs it" if training else "every configuration needs it"
            faults.append(f"{key}: this key is missing; {needs}")
    lengths = [key for key in LENGTHS if tree.get(key) is not None]
    if len(lengths) == 2:
        faults.append("iters, epochs: both say how long to train; keep one of the two")
    elif training and not lengths:
        faults.append("iters: this key is missing; training needs it, or epochs instead")
    for key, section in SECTIONS.items():
        if isinstance(tree.get(key), dict):  # else that is said above
            _check_section(f"{key}.", tree[key], rules_of(section), faults, key in OPEN)
    model, loss = tree.get("model"), tree.get("loss")
    if isinstance(model, dict) and model.get("new_heads") and not model.get("pretrained"):
        faults.append("model.new_heads: without model.pretrained all is new; delete it")
    if isinstance(loss, dict) and "types" not in loss:
        faults.append("loss.types: this key is missing; e.g. [{type: DeepSupervisionLoss}]")
    optimizer = tree.get("optimizer")
    groups = optimizer.get("custom_cfg") if isinstance(optimizer, dict) else None
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        if not isinstance(group, dict):
            continue  # that is said above
        where = f"optimizer.custom_cfg.{number}."
        _check_section(where, group, rules_of(ParameterGroup), faults)
        if "name" not in group:
            faults.append(f"{where}name: this key is missing; a part of its parameters' names")


def _check_section(
    prefix: str,
    section: Mapping[str, Any],
    rules: Mapping[str, Rule],
    faults: List[str],
    is_open: bool = False,
) -> None:
    for key, value in section.items():
        words, fits = rules.get(key, ("", None))
        if fits is not None and not fits(value):
            faults.append(f"{prefix}{key}: expected {words}, got {value!r}")
        elif fits is None and not is_open:
            faults.append(f"{prefix}{key}: there is no such key; {nearest(key, rules)}")


def check_component(
    where: str,
    block: Any,
    known: Mapping[str, Any],
    faults: List[str],
    says: str = "there is no {!r}",
    key: str = "type",
) -> None:
    """Check that ``block``, at the key ``where``, names one of the ``known`` components by ``key``,
    and that its other keys are arguments of that, text only where no number is the default.
    """
    if not isinstance(block, Mapping):
        faults.append(f"{where}: expected a dictionary with a {key}, got {block!r}")
        return
    arguments = dict(block)
    name = arguments.pop(key, None)
    if not isinstance(name, str) or name not in known:
        faults.append(f"{where}.{key}: {says.format(name)}; {nearest(name, known)}")
        return
    parameters = parameters_of(known[name])
    if takes_anything(parameters):
        return
    for key, value in arguments.items():
        if key not in parameters:
            faults.append(f"{where}.{key}: there is no such key; {nearest(key, parameters)}")
        elif is_number(parameters[key].default) and isinstance(value, str):
            faults.append(f"{where}.{key}: expected a number, got the text {value!r}")
    for key, parameter in parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        if parameter.default is parameter.empty and key not in arguments:
            faults.append(f"{where}.{key}: this key is missing; {name} needs it")
