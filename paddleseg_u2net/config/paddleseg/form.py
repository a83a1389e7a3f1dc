"""Files of PaddleSeg 2.8.0's form, as people have them, to this project's: docs/paddleseg.md.

A file is of PaddleSeg's form if the ``type`` of ``train_dataset`` or ``val_dataset`` is one of
PaddleSeg's classes, or if there is a ``Normalize`` among the transforms of one of them. Everything
else is this project's own, and stays as it is.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Iterable, List, Union

from paddleseg_u2net.config.paddleseg import data, keys, transforms
from paddleseg_u2net.config.reading import ConfigError, Tree, apply_opts, as_tree, read_yaml
from paddleseg_u2net.config.schema import refuse
from paddleseg_u2net.config.settings import SECTIONS
from paddleseg_u2net.log import logger

PARTS = ("train_dataset", "val_dataset")


def settings_tree(source: Union[str, Path, Tree], opts: Iterable[str] = ()) -> Tree:
    """The dictionary of a YAML file or a given one, with ``opts`` set, in this project's form.

    ``opts`` are keys of the file as it stands.
    """
    opts = list(opts)
    if isinstance(source, dict):
        return translate(as_tree(source, opts))
    tree = apply_opts(read_yaml(source, as_paddleseg=True), opts)
    if not is_paddleseg(tree):
        return translate(as_tree(source, opts), source)
    try:
        if tree != as_tree(source, opts):
            logger.info(
                f"{source}: as in PaddleSeg the first of several _base_ files counts, and another "
                "type keeps the arguments that it inherits"
            )
    except ConfigError as error:
        logger.warning(f"{error}; read as PaddleSeg does: the last one counts")
    return translate(tree, source)


def is_paddleseg(tree: Tree) -> bool:
    """Whether a configuration is of PaddleSeg's form."""
    return any(_is_paddleseg(tree.get(part)) for part in PARTS)


def _is_paddleseg(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    listed = block.get("transforms")
    items = listed if isinstance(listed, list) else []
    normalised = any(isinstance(item, dict) and item.get("type") == "Normalize" for item in items)
    return normalised or data.is_class(block.get("type"))


def translate(tree: Tree, where: Union[str, Path] = "configuration") -> Tree:
    """The same configuration in this project's form; one that is of it comes back unchanged.

    Raises:
        ConfigError: it says what cannot be done here; the message names the key, what it would do,
            and the nearest that works.
    """
    if not is_paddleseg(tree):
        return tree
    tree = copy.deepcopy(tree)
    said: List[str] = []
    faults = [
        f"{key}: expected a dictionary, got {tree[key]!r}"
        for key in (*SECTIONS, "lr_scheduler", *PARTS)
        if key in tree and not isinstance(tree[key], dict)
    ]
    refuse(faults, where)
    keys.translate(tree, said, faults)
    data.translate(tree, said, faults)
    transforms.translate(tree, said, faults)
    refuse(faults, where)
    logger.info("\n  ".join([f"{where} is of PaddleSeg's form, and is read as:", *said]))
    return tree
