"""Which U²-Net a set of weights belongs to, from the names and shapes alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from paddleseg_u2net.architecture.program import Program, build
from paddleseg_u2net.architecture.stages import TABLES, Stage, StageTable, stage_names

# How many of all layers, the file's and the published ones, must be in both.
_MOST = 0.6
Kernels = Mapping[str, Tuple[int, ...]]
# What other segmentation networks call their layers; for the error only.
_STRANGERS = {
    r"^(conv_in\.|pool_in)": "IS-Net or another relative of U²-Net",
    r"^stage\d.*rebnconvin": "a relative of U²-Net",
    r"^layer[1-4]\.\d+\.conv": "a ResNet",
    r"(backbone|encoder)\.(layer[1-4]|conv1)\b": "a network with a ResNet backbone",
    r"(transformer|attn|blocks\.\d+)": "a transformer",
    r"(inconv|encoder\d|bridge|conv\d_d)": "BASNet",
    r"(down|up|inc|outc)\d?\.": "a U-Net",
}


class Architecture(NamedTuple):
    """A model; ``type`` is the key of ``TABLES`` whose stages it has, else "U2Net"."""

    type: str
    stages: StageTable
    num_classes: int
    in_channels: int

    @classmethod
    def of(cls, stages: StageTable, num_classes: int, in_channels: int) -> Architecture:
        """The model with these stages."""
        named = (name for name, table in TABLES.items() if table == stages)
        return cls(next(named, "U2Net"), stages, num_classes, in_channels)

    def program(self) -> Program:
        """The network as operations."""
        return build(self.stages, self.num_classes, self.in_channels)

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
    where the published ones are, others not to be known. Single layers may be missing, misspelt
    or of a wrong shape where the rest has the published names; the model is that of the rest.

    Raises:
        ValueError: they are not of a U²-Net, and the message says what they look like; or one has
            no numbers.
    """
    empty = next((name for name, shape in shapes.items() if 0 in shape), None)
    if empty is not None:
        raise ValueError(f"{source}: {empty} has shape {list(shapes[empty])}, without any numbers")
    kernels = {
        name[: -len(".weight")]: tuple(shape)
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 4
    }
    if any(re.match(r"conv_in\.|pool_in", name) for name in shapes):
        raise ValueError(f"{source}: {_other(shapes)}")
    heights = _heights(kernels)
    known = [table for table in TABLES.values() if _levels(table) == heights]
    if heights and not known:
        raise ValueError(
            f"{source}: this is a U²-Net whose stages have heights {heights}; which of them are "
            "dilated cannot be seen in weights: name its configuration with --config"
        )
    nearest = max(known or TABLES.values(), key=lambda table: _overlap(table, kernels))
    if _overlap(nearest, kernels) <= _MOST:
        raise ValueError(f"{source}: {_other(shapes)}")
    stages = _stages(nearest, kernels)
    heads = [shape[0] for name, shape in kernels.items() if re.fullmatch(r"side\d+|outconv", name)]
    first = kernels.get("stage1.rebnconvin.conv_s1", (0, 3))
    return Architecture.of(stages, _most_common(heads) or 1, first[1])


def _heights(kernels: Kernels) -> List[int]:
    """The heights of all stages if the layers are those of a whole U²-Net, else nothing."""
    depth = sum(bool(re.fullmatch(r"side\d+", name)) for name in kernels)
    highest = dict.fromkeys(stage_names(depth), 0)
    for name in kernels:
        match = re.fullmatch(r"(stage\d+d?)\.rebnconv(\d{1,3})\.conv_s1", name)
        if match:
            highest[match[1]] = max(int(match[2]), highest.get(match[1], 0))
    heights = [highest[name] for name in stage_names(depth)]
    if depth < 2 or min(heights) < 2 or sum(heights) > len(kernels):
        return []
    rows = [Stage(height, 1, 1) for height in heights]
    layers = {conv.layer for conv in build(StageTable(rows[:depth], rows[depth:])).convolutions}
    unknown = any(name.startswith("stage") for name in set(kernels) - layers)
    return [] if unknown or not layers <= set(kernels) else heights


def _levels(table: StageTable) -> List[int]:
    return [row.levels for row in table.named().values()]


def _layers(table: StageTable) -> Set[str]:
    return {conv.layer for conv in build(table).convolutions}


def _overlap(table: StageTable, kernels: Kernels) -> float:
    """How many of all layers, the file's and the table's, are in both: 0 to 1."""
    layers = _layers(table)
    return len(layers & set(kernels)) / len(layers | set(kernels))


def _stages(form: StageTable, kernels: Kernels) -> StageTable:
    """Stages of the heights of ``form`` with the channels that most of each stage's layers have."""
    channels = {name: _channels(name, form, kernels) for name in form.named()}

    def alike(table: StageTable) -> int:
        return sum((row.mid, row.out) == channels[name] for name, row in table.named().items())

    # Of a stage without any layer the nearest known table tells.
    same = [table for table in TABLES.values() if _levels(table) == _levels(form)]
    rows = [
        Stage(row.height, channels[name][0] or row.mid, channels[name][1] or row.out)
        for name, row in max(same, key=alike).named().items()
    ]
    depth = len(form.encoder)
    return StageTable(rows[:depth], rows[depth:])


def _channels(
    stage: str, form: StageTable, kernels: Kernels
) -> Tuple[Optional[int], Optional[int]]:
    """Channels inside and behind a stage."""
    outer = [f"{stage}.{name}.conv_s1" for name in ("rebnconvin", "rebnconv1d")]
    layers = [name for name in _layers(form) if name.startswith(f"{stage}.") and name in kernels]
    inner = [kernels[name][0] for name in layers if name not in outer]
    out = [kernels[name][0] for name in outer if name in kernels]
    level = int(stage.strip("staged"))
    follower = f"stage{level + 1}.rebnconvin.conv_s1"
    if stage.endswith("d") or level == len(form.encoder):
        follower = f"side{level}"
    out += [kernels[follower][1]] if follower in kernels else []
    return _most_common(inner), _most_common(out)


def _most_common(numbers: Iterable[int]) -> Optional[int]:
    counted = Counter(numbers).most_common(1)
    return counted[0][0] if counted else None


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
