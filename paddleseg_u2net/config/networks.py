"""Networks that are no U²-Nets, PaddleSeg's and plugins': their part of ``model``, and how it is
built, component by component, so that each can start from weights.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
from functools import cache, partial
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import paddle
from paddleseg.cvlibs import manager

from paddleseg_u2net.architecture import StageTable
from paddleseg_u2net.config.reading import ConfigError, Tree
from paddleseg_u2net.config.schema import check_component, note
from paddleseg_u2net.config.signatures import parameters_of
from paddleseg_u2net.config.told import told
from paddleseg_u2net.io.download import DownloadError
from paddleseg_u2net.log import logger
from paddleseg_u2net.models import U2Net
from paddleseg_u2net.models.mended import MENDED, MULTIPLES, REFUSED, plain_batchnorm
from paddleseg_u2net.models.on_backbone import ON_BACKBONE, U2NetBackbone
from paddleseg_u2net.registry import custom
from paddleseg_u2net.weights.pretrained import load_pretrained

# Keys of `model` that mean the same for every network, whether or not its class takes them.
_SHARED = ("num_classes", "in_channels", "pretrained")
_CHANNELS = ("in_channels", "in_chans")
_built = itertools.count()


def is_u2net(model: Tree) -> bool:
    """Whether a ``model`` block names a U²-Net, which all backends and formats know."""
    kind = manager.MODELS.components_dict.get(_name(model))
    return isinstance(kind, type) and issubclass(kind, U2Net)


def _name(model: Tree) -> str:
    """The component that a block names; U²-Nets on a backbone are classes of their own."""
    kind = str(model.get("type"))
    return ON_BACKBONE[kind].__name__ if kind in ON_BACKBONE and "backbone" in model else kind


def u2net_weights(model: Tree) -> Dict[str, str]:
    """The ``pretrained`` weights of U²-Nets, by the beginning of the names of what they are for."""
    if is_u2net(model):
        return {"": model["pretrained"]} if model.get("pretrained") else {}
    found = {}
    for key, block in _inner(model, ""):
        kind = manager.BACKBONES.components_dict.get(block["type"])
        ours = isinstance(kind, type) and issubclass(kind, U2NetBackbone)
        if ours and block.get("pretrained"):
            found[f"{key}."] = block["pretrained"]
    return found


def pretrained_parts(model: Tree) -> Dict[str, str]:
    """All ``pretrained`` weights, by the beginning of the names of what they are for."""
    blocks = [("", model), *((f"{key}.", block) for key, block in _inner(model, ""))]
    return {key: block["pretrained"] for key, block in blocks if block.get("pretrained")}


def in_channels_of(model: Tree, default: int) -> int:
    """The image's channels; PaddleSeg's files say them at the backbone, too."""
    if "in_channels" in model:
        return model["in_channels"]
    said = [block[key] for _, block in _inner(model, "") for key in _CHANNELS if key in block]
    return said[0] if said else default


def check_model(model: Tree, faults: List[str]) -> None:
    """Check the ``model`` block: its components, inner ones too, and their arguments."""
    model = {**model, "type": _name(model)} if "type" in model else model
    kind, before = model.get("type"), len(faults)
    if is_u2net(model):
        check_component("model", model, manager.MODELS.components_dict, faults)
        if model.get("stages"):
            note("model.", lambda: StageTable.parse(model["stages"]), faults)
        return
    every = manager.MODELS.components_dict
    taken = parameters_of(every[kind]) if kind in every else {}
    shared = {key: model[key] for key in _SHARED if key in model}
    # The rest of those is said by `model`'s own rules, or told to the backbone.
    block = {key: value for key, value in model.items() if key not in shared or key in taken}
    if kind in custom(manager.MODELS):
        block.update({key: model[key] for key in shared if key != "num_classes"})
        check_component("model", block, every, faults, "there is no {!r} here")
        return
    check_component("model", block, every, faults, "there is no {!r} here")
    for where, component in (("model", model), *_inner(model, "model.")):
        name = component.get("type")
        if name in REFUSED:
            faults.append(f"{where}.type: {name} cannot be trained here: {REFUSED[name]}")
    if len(faults) > before:
        return
    theirs = every[kind].__module__.startswith("paddleseg.")  # some with a default of their own
    if theirs and "num_classes" not in model:
        faults.append(f"model.num_classes: this key is missing; {kind} needs it")
    faults += _other_classes(model)
    for where, component in (("model", model), *_inner(model, "model.")):
        if component.get("data_format", "NCHW") != "NCHW":
            faults.append(f"{where}.data_format: images come as NCHW here; delete it")
    if "backbone" in taken and not isinstance(model["backbone"], Mapping):
        faults.append(
            f"model.backbone: expected a dictionary with a type, got {model['backbone']!r}"
        )
    for where, inner in _inner(model, "model."):
        source = inner.pop("pretrained", None)  # loaded here, whether or not its class takes it
        if not isinstance(source, (str, type(None))):
            faults.append(f"{where}.pretrained: expected text, or null, got {source!r}")
        known = manager.BACKBONES.components_dict
        check_component(where, inner, known, faults)
    note("", partial(_check_channels, model), faults)


def _other_classes(model: Tree) -> List[str]:
    """Where an inner dictionary, as KNet's heads are, has another ``num_classes``."""
    classes = model.get("num_classes")
    inner = {key: value for key, value in model.items() if isinstance(value, Mapping)}
    return [
        f"model.{key}.num_classes: model.num_classes is {classes}, this says "
        f"{value['num_classes']}; make them agree"
        for key, value in inner.items()
        if "type" not in value and value.get("num_classes", classes) != classes
    ]


def _check_channels(model: Tree) -> None:
    channels = in_channels_of(model, 3)
    taken = _channels_key(model["type"], manager.MODELS)
    inner = [*_inner(model, "model.")]
    if channels != 3 and not taken and not any(_channels_of(block) for _, block in inner):
        raise ConfigError(
            f"model.in_channels: {model['type']} sees images of 3 channels only, got {channels}"
        )
    for where, block in inner:
        key = _channels_of(block)
        if key and block.get(key, channels) != channels:
            raise ConfigError(
                f"{where}.{key}: model.in_channels is {channels}, this says {block[key]}; delete "
                "it here"
            )


def _channels_of(block: Tree) -> str:
    return _channels_key(block["type"], manager.BACKBONES)


def _channels_key(kind: str, components: Any) -> str:
    """The name of the argument for the image's channels; empty if there is none."""
    found = components.components_dict.get(kind)
    taken = parameters_of(found) if found else {}
    return next((key for key in _CHANNELS if key in taken), "")


def _inner(block: Tree, prefix: str) -> Iterator[Tuple[str, Tree]]:
    """The components among a block's arguments, such as ``backbone``, and where they stand."""
    for key, value in block.items():
        if isinstance(value, Mapping) and "type" in value:
            yield f"{prefix}{key}", dict(value)


def build_network(model: Tree, num_classes: int, in_channels: int, pretrained: bool) -> Any:
    """The network of a ``model`` block, a ``paddle.nn.Layer``. Weights of ``pretrained`` keys are
    loaded into each component as soon as it is made, or left where they are.
    """
    model = {**model, "type": _name(model)}
    shared = {"num_classes": num_classes, "in_channels": in_channels}
    arguments = {key: value for key, value in model.items() if key not in _SHARED}
    taken = parameters_of(manager.MODELS[model["type"]])
    arguments.update({key: value for key, value in shared.items() if key in taken})
    if "in_channels" not in taken:
        for key, block in _inner(arguments, ""):
            own = _channels_of(block)
            arguments[key] = {**block, **({own: in_channels} if own else {})}
    if pretrained and "pretrained" in model:
        arguments["pretrained"] = model["pretrained"]
    # PaddleSeg's MobileNetV2 names its parameters, and Paddle takes a name once in a process; the
    # beginning keeps other names apart, by which optimizers find what they know of parameters.
    with paddle.utils.unique_name.guard(f"network_{next(_built)}_"):
        network = plain_batchnorm(_build(arguments, "model", pretrained))
    if model["type"] in MULTIPLES:
        network.register_forward_pre_hook(partial(_check_size, model["type"]))
    return network


def _check_size(kind: str, layer: Any, inputs: Tuple[Any]) -> None:
    multiple = MULTIPLES[kind]
    if not paddle.in_dynamic_mode():  # a program is made, for any size
        return
    height, width = inputs[0].shape[2:]
    if height % multiple or width % multiple:
        raise ConfigError(
            f"model.type: {kind} takes images whose width and height are multiples of {multiple} "
            f"only, got {width}x{height}; set preprocess.size, and the last size in "
            "train_dataset.transforms, to such"
        )


def _build(block: Tree, where: str, pretrained: bool) -> Any:
    arguments = {key: copy.deepcopy(value) for key, value in block.items() if key != "type"}
    kind, source = block["type"], arguments.pop("pretrained", None)
    inner = dict(_inner(arguments, ""))
    arguments.update({k: _build(v, f"{where}.{k}", pretrained) for k, v in inner.items()})
    component = _component(kind)
    theirs = kind in custom(manager.MODELS) and "pretrained" in parameters_of(component)
    if theirs:  # a plugin's network reads its weights itself
        arguments["pretrained"] = source if pretrained else None
    # PaddleSeg's classes print that they start from scratch, before their weights are loaded.
    with told(f"{where}: {kind}"), contextlib.redirect_stdout(io.StringIO()):
        layer = component(**arguments)
    if source is not None and pretrained and not theirs:
        try:
            load_pretrained(layer, source)
        except (DownloadError, FileNotFoundError, ValueError) as error:
            raise ConfigError(
                f"{where}.pretrained: {error}\nTo start without: --opts {where}.pretrained=null"
            ) from error
    return layer


def _component(kind: str) -> Any:
    """The component of a name, or the one that stands for it since it fails by itself."""
    if kind in MENDED:
        _tell(kind, (MENDED[kind].__doc__ or "").strip())
        return MENDED[kind]
    for components in (manager.MODELS, manager.BACKBONES):
        if kind in components.components_dict:
            return components[kind]
    raise ConfigError(f"there is no network or backbone {kind!r}")


@cache  # once
def _tell(kind: str, why: str) -> None:
    logger.info(f"{kind} is built as Mended{kind}: {' '.join(why.split())}")
