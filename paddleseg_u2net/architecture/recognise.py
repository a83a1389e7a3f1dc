"""Which U²-Net a set of weights belongs to, from the names and shapes alone."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Union

from paddleseg_u2net.architecture.program import Program, build
from paddleseg_u2net.architecture.stages import TABLES, Stage, StageTable, stage_names


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
    where the published ones are, others not to be known. Widths are those of the first two layers
    of each stage.

    Raises:
        ValueError: they are not of a U²-Net, or not of a whole one; or one has no numbers.
    """
    for name, shape in shapes.items():
        if 0 in shape:
            raise ValueError(f"{source}: {name} has shape {list(shape)}, without any numbers")
    kernels = {
        name[: -len(".weight")]: tuple(shape)
        for name, shape in shapes.items()
        if name.endswith(".weight") and len(shape) == 4
    }
    levels = list(stage_levels(kernels).values())
    relative = any(name.startswith(("conv_in.", "pool_in.")) for name in shapes)
    if relative or not levels:
        looks = "these look like IS-Net or another relative of U²-Net: " if relative else ""
        raise ValueError(
            f"{source}: expected weights of a U²-Net (stage1.rebnconvin.conv_s1.weight, ..., "
            f"side1.weight, ..., outconv.weight); {looks}it has {len(shapes)} tensors such as "
            f"{', '.join(sorted(map(str, shapes))[:3]) or '(none)'}"
        )
    program = build(with_widths(levels))
    missing = [conv.layer for conv in program.convolutions if conv.layer not in kernels]
    if missing:
        raise ValueError(
            f"{source}: this is not a whole U²-Net: {len(missing)} of its layers are missing, "
            f"first {missing[0]}.weight; name its configuration with --config to see all of them"
        )
    tables = (table.named().values() for table in TABLES.values())
    known = [rows for rows in tables if [row.levels for row in rows] == levels]
    if not known:
        raise ValueError(
            f"{source}: this is a U²-Net whose stages have heights {levels}; which of them are "
            "dilated cannot be seen in weights: name its configuration with --config"
        )
    stages = with_widths([row.height for row in known[0]], kernels)
    first = kernels["stage1.rebnconvin.conv_s1"]
    return Architecture.of(stages, kernels["outconv"][0], first[1])


def stage_levels(layers: Iterable[str]) -> Dict[str, int]:
    """The number of levels of each stage by the names of its layers; empty if a stage lacks."""
    highest: Dict[str, int] = {}
    for layer in layers:
        match = re.fullmatch(r"(stage\d+d?)\.rebnconv(\d{1,2})\.conv_s1", layer)
        if match:
            highest[match[1]] = max(int(match[2]), highest.get(match[1], 0))
    names = stage_names((len(highest) + 1) // 2)
    if len(names) < 3 or set(names) != set(highest) or min(highest.values()) < 2:
        return {}
    return {name: highest[name] for name in names}


def with_widths(
    heights: Sequence[Union[int, str]], kernels: Optional[Mapping[str, Sequence[int]]] = None
) -> StageTable:
    """Stages of these heights, with the channels of the ``kernels`` of their first two layers."""
    depth = (len(heights) + 1) // 2
    rows = []
    for name, height in zip(stage_names(depth), heights):
        layers = (f"{name}.rebnconv{part}.conv_s1" for part in ("1", "in"))
        mid, out = (kernels[layer][0] if kernels else 1 for layer in layers)
        rows.append(Stage(height, mid, out))
    return StageTable(rows[:depth], rows[depth:])
