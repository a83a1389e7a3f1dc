"""Where the network's weights are in what a training program saved, under which names.

Programs wrap the weights in dictionaries, put prefixes before the names, and save an average, an
optimizer and buffers of the loss beside them. A U²-Net is found by its own names, wherever it is.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Tuple

from paddleseg_u2net.log import logger
from paddleseg_u2net.text import short_list

# Where weights of unknown networks are looked for; of two the first is taken.
_WRAPPERS = ("state_dict", "model", "net", "model_state_dict", "params_ema", "params")
_WRAPPED = 2  # dictionaries deep
_DEEPEST = 4
ADVICE = f"weights may stand under one of {', '.join(_WRAPPERS)}, at most {_WRAPPED} deep"
# What DataParallel, torch.compile, FSDP and activation checkpointing put before the names; all but
# the first also further inside.
_INNER = r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\."
_PREFIXES = re.compile(rf"^(module\.|{_INNER})+|(?<=\.)({_INNER})+")
# A name of a U²-Net, behind the name that a program of the user's gave the network.
_OWN = re.compile(r"((?:.*?\.)?)((?:stage\d+d?\.rebnconv|side\d+\.|outconv\.).*)")
# Words of keys: averages, what is averaged, and what an optimizer keeps for each weight.
_AVERAGE = r"ema|swa|avg|averaged?|averaging|polyak|shadow|teacher"
_RAW = r"online|student|raw|current|original"
_OPTIMIZER = (
    r"optim|optimi[sz]ers?|(max_)?exp_avg(_sq)?|(square|grad)_avg|momentum_buffer|moment[12]|"
)
_OPTIMIZER += r"velocity|grads?|gradients?"
# Tensors that are known to be no part of a network: AveragedModel's counter, buffers of losses.
_STRANGERS = re.compile(r"n_averaged$|([^.]*(loss|criterion|metric)[^.]*)\.", re.IGNORECASE)
_COUNTER = "num_batches_tracked"  # which an average may leave out
_SHOWN = 3


class _Network(NamedTuple):
    """A U²-Net in a checkpoint: the keys to its dictionary, and the prefix of its names there."""

    place: Tuple[str, ...]
    prefix: str
    state: Mapping[Any, Any]
    own: List[str]

    def __str__(self) -> str:
        return ".".join((*self.place, self.prefix.rstrip("."))).strip(".") or "the file itself"

    @property
    def is_average(self) -> bool:
        words = _words(rf"({_AVERAGE})|{_RAW}", str(self))
        return bool(words and words[-1][1])  # an average may keep what it is of below itself


def _words(pattern: str, name: str) -> List[re.Match[str]]:
    """The matches of ``pattern`` that are whole words of a name."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return list(re.finditer(rf"(?<![a-z])(?:{pattern})(?![a-z])", split))


def find_network(content: Mapping[Any, Any], source: object) -> Dict[Any, Any]:
    """``network_weights``, with the note in the log and ``source`` in errors."""
    try:
        weights, note = network_weights(content)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    if note:
        logger.warning(f"{source}: {note}")
    return weights


def is_u2net(names: Iterable[str]) -> bool:
    """Whether all of these names are a U²-Net's."""
    matches = [_OWN.fullmatch(name) for name in names]
    return bool(matches) and all(match and not match[1] for match in matches)


def plain_weights(content: Mapping[Any, Any], source: object) -> Dict[Any, Any]:
    """The weights of another network than a U²-Net, under their own names: the file's dictionary,
    or the one under a usual key, up to two deep.
    """
    try:
        weights = _without_prefixes(_unwrapped(content))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return {name: value for name, value in weights.items() if hasattr(value, "shape")}


def network_weights(content: Mapping[Any, Any]) -> Tuple[Dict[Any, Any], str]:
    """The weights in the dictionary that a file holds, and what was passed over.

    A U²-Net's weights are found up to four dictionaries deep, behind any prefix. Of several, an
    average (EMA, SWA) that is as complete as the rest is taken, else the first under a usual key;
    never what an optimizer keeps for each weight. Other dictionaries of tensors are returned from
    under the usual keys, up to two deep.
    """
    named = list(_networks(content, ()))
    found = [network for network in named if not _words(_OPTIMIZER, str(network))]
    if named and not found:
        raise ValueError(
            f"{named[0]} has the names of the network, but belongs to an optimizer; expected the "
            "network's weights"
        )
    if not found:
        return _without_prefixes(_unwrapped(content)), ""
    taken, why = _choice(found, content)
    weights, strangers = _weights_of(taken, found)
    notes = []
    if len(found) > 1:
        others = ", ".join(str(network) for network in found if network is not taken)
        notes.append(f"the weights of {taken} are taken, {why}; not those of {others}")
    for place in _nameless_averages(content, ()):
        notes.append(f"{place}, by its name an average, is not read: it lacks the weights' names")
    if strangers:
        names = short_list(strangers, _SHOWN)
        notes.append(f"left out, since no part of the network: {names}")
    return weights, "; ".join(notes)


def _networks(content: Mapping[Any, Any], place: Tuple[str, ...]) -> Iterator[_Network]:
    groups: Dict[str, List[str]] = {}
    for key, value in content.items():
        if isinstance(key, str) and hasattr(value, "shape"):
            match = _OWN.fullmatch(_PREFIXES.sub("", key))
            if match:
                groups.setdefault(match[1], []).append(match[2])
    for prefix, own in groups.items():
        if any(name.startswith("stage") for name in own):
            yield _Network(place, prefix, content, own)
    if len(place) < _DEEPEST:
        for key, value in content.items():
            if isinstance(value, dict):
                yield from _networks(value, (*place, str(key)))


def _nameless_averages(content: Mapping[Any, Any], place: Tuple[str, ...]) -> Iterator[str]:
    """Where a list of tensors is called an average (torch_ema's ``shadow_params``)."""
    for key, value in content.items():
        here = (*place, str(key))
        if isinstance(value, dict) and len(here) < _DEEPEST:
            yield from _nameless_averages(value, here)
        elif isinstance(value, (list, tuple)) and any(hasattr(item, "shape") for item in value):
            name = ".".join(here)
            if _words(_AVERAGE, name) and not _words(_OPTIMIZER, name):
                yield name


def _choice(found: List[_Network], content: Mapping[Any, Any]) -> Tuple[_Network, str]:
    """The network to take, and why that one."""
    averages = [network for network in found if network.is_average]
    others = [network for network in found if not network.is_average]
    usual = [network for network in others if all(key in _WRAPPERS for key in network.place)]
    plain = [*usual, *others, *averages][0]
    meta = content.get("meta")
    mmengine = "message_hub" in content or (isinstance(meta, dict) and "mmengine_version" in meta)
    if mmengine and averages and averages[0].place == ("ema_state_dict",):
        # Its EMAHook swaps the two when it saves.
        return plain, "where MMEngine saves the average"
    needed = {name for name in plain.own if not name.endswith(_COUNTER)}
    complete = [average for average in averages if needed <= set(average.own)]
    return (complete[0], "an average") if complete else (plain, "the first that is complete")


def _weights_of(taken: _Network, found: List[_Network]) -> Tuple[Dict[Any, Any], List[str]]:
    """The weights of a network by their own names, and the names beside it."""
    inner = [
        network.prefix
        for network in found
        if network.state is taken.state and len(network.prefix) > len(taken.prefix)
    ]
    mine: Dict[Any, Any] = {}
    strangers: List[str] = []
    for key, value in _without_prefixes(taken.state).items():
        text = key if isinstance(key, str) else ""
        if text.startswith(tuple(inner)):
            continue  # of another network
        own = text[len(taken.prefix) :]
        is_setting = not hasattr(value, "shape") and not _OWN.fullmatch(own)
        if not text.startswith(taken.prefix) or _STRANGERS.match(own) or is_setting:
            strangers.append(text or repr(key)[:40])
        else:
            mine[own if text else key] = value
    return mine, strangers


def _unwrapped(content: Mapping[Any, Any]) -> Mapping[Any, Any]:
    for _ in range(_WRAPPED):
        inner = [content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)]
        content = inner[0] if inner else content
    return content


def _without_prefixes(state: Mapping[Any, Any]) -> Dict[Any, Any]:
    renamed: Dict[Any, Any] = {}
    for key, value in state.items():
        name = _PREFIXES.sub("", key) if isinstance(key, str) else key
        if name in renamed:
            raise ValueError(f"two weights are named {str(name)[:80]!a}, one of them with a prefix")
        renamed[name] = value
    return renamed
