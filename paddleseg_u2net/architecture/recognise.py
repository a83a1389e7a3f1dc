"""Which U²-Net a set of weights belongs to, from the names and shapes alone."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from paddleseg_u2net.architecture.stages import TABLES, Stage, StageTable

_PUBLISHED = TABLES["U2Net"]
# What other segmentation networks call their layers; for the error only.
_STRANGERS = {
    r"^(stage\d.*rebnconvin|conv_in\.)|^pool_in": "IS-Net or another relative of U²-Net",
    r"^layer[1-4]\.\d+\.conv": "a ResNet",
    r"(backbone|encoder)\.(layer[1-4]|conv1)\b": "a network with a ResNet backbone",
    r"(transformer|attn|blocks\.\d+)": "a transformer",
    r"(inconv|encoder\d|bridge|conv\d_d)": "BASNet",
    r"(down|up|inc|outc)\d?\.": "a U-Net",
}


class Architecture(NamedTuple):
    """A model: ``type`` is "U2Net" or "U2NetP" where the stages are theirs, else "U2Net"."""

    type: str
    stages: StageTable
    num_classes: int
    in_channels: int

    def model_config(self) -> Dict[str, Any]:
        """The section ``model`` of a configuration."""
        config: Dict[str, Any] = {
            "type": self.type,
            "num_classes": self.num_classes,
            "in_channels": self.in_channels,
        }
        if self.stages != TABLES[self.type]:
            config["stages"] = self.stages.as_dict()
        return config

    def __str__(self) -> str:
        own = "" if self.stages == TABLES[self.type] else " with stages of its own"
        return (
            f"{self.type}{own}, {self.in_channels} channels in, {self.num_classes} "
            f"{'class' if self.num_classes == 1 else 'classes'} out"
        )


def recognise(shapes: Mapping[str, Sequence[int]], source: str) -> Architecture:
    """The U²-Net of weights with these names (published, see ``Program.shapes``) and shapes.

    Dilations leave no trace in weights: stages of the published heights are taken to be dilated
    where the published ones are, others not to be known.

    Raises:
        ValueError: they are not of a U²-Net; the message says what they look like.
    """
    kernels = {
        name[: -len(".weight")]: tuple(shape)
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 4
    }
    depth = len({name for name in kernels if re.fullmatch(r"side\d+", name)})
    if depth < 2 or "outconv" not in kernels:
        raise ValueError(f"{source}: {_other(shapes)}")
    names = [f"stage{level}" for level in range(1, depth + 1)]
    names += [f"stage{level}d" for level in range(depth - 1, 0, -1)]
    rows = [_row(name, kernels, source) for name in names]
    published = [*_PUBLISHED.encoder, *_PUBLISHED.decoder]
    if [row.levels for row in rows] != [row.levels for row in published]:
        raise ValueError(
            f"{source}: this is a U²-Net whose stages have heights "
            f"{[row.levels for row in rows]}; which of them are dilated cannot be seen in weights: "
            "name its configuration with --config"
        )
    rows = [row._replace(height=known.height) for row, known in zip(rows, published)]
    stages = StageTable(rows[:depth], rows[depth:])
    kind = next((name for name, table in TABLES.items() if table == stages), "U2Net")
    in_channels = kernels["stage1.rebnconvin.conv_s1"][1]
    return Architecture(kind, stages, kernels["outconv"][0], in_channels)


def _row(name: str, kernels: Mapping[str, Tuple[int, ...]], source: str) -> Stage:
    pattern = re.compile(rf"{name}\.rebnconv(\d+)\.conv_s1")
    levels = [int(match[1]) for match in map(pattern.fullmatch, kernels) if match]
    first, inner = f"{name}.rebnconvin.conv_s1", f"{name}.rebnconv1.conv_s1"
    if not levels or first not in kernels or inner not in kernels:
        raise ValueError(
            f"{source}: it has a U²-Net's side outputs, but no convolutions "
            f"{first if first not in kernels else inner}; the file is of another network, or cut"
        )
    return Stage(max(levels), kernels[inner][0], kernels[first][0])


def _other(shapes: Mapping[str, Any]) -> str:
    names: List[str] = sorted(map(str, shapes))
    looks = next(
        (what for pattern, what in _STRANGERS.items() if any(re.search(pattern, n) for n in names)),
        "",
    )
    return (
        "expected weights of a U²-Net (stage1.rebnconvin.conv_s1.weight, ..., side1.weight, ..., "
        f"outconv.weight); {f'these look like {looks}: ' if looks else ''}it has "
        f"{len(names)} tensors such as {', '.join(names[:3]) or '(none)'}"
    )
