"""The stages of U²-Net and U²-NetP (Qin et al. 2020, table 1), and tables of the user's own."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Union


class Stage(NamedTuple):
    """One row of a stage table: an RSU of ``height`` (7, 6, 5, ... or "4F" for the dilated one),
    with ``mid`` channels inside and ``out`` channels behind it.
    """

    height: Union[int, str]
    mid: int
    out: int

    @property
    def levels(self) -> int:
        """The RSU's number of levels, the paper's L."""
        return int(str(self.height).removesuffix("F"))

    @property
    def dilated(self) -> bool:
        """Whether dilations take the place of pooling and resizing."""
        return str(self.height).endswith("F")


class StageTable(NamedTuple):
    """Encoder stages 1 .. n from the top down, and decoder stages n-1 .. 1 from the bottom up."""

    encoder: Sequence[Stage]
    decoder: Sequence[Stage]

    @classmethod
    def parse(cls, table: Any) -> StageTable:
        """A table from YAML: ``{encoder: [[7, 32, 64], ...], decoder: [["4F", 256, 512], ...]}``.

        Raises:
            ValueError: the table does not have this form; the message says which part.
        """
        if isinstance(table, cls):
            return table
        parts = ("encoder", "decoder")
        given = table if isinstance(table, Mapping) else {}
        if set(given) != set(parts) or not all(isinstance(given[p], (list, tuple)) for p in parts):
            raise ValueError(f"stages: expected two lists `encoder` and `decoder`, got {table!r}")
        parsed = cls(*(cls.rows(given[part]) for part in parts))
        if len(parsed.encoder) < 2 or len(parsed.decoder) != len(parsed.encoder) - 1:
            raise ValueError(
                "stages: expected n >= 2 encoder rows and n - 1 decoder rows, got "
                f"{len(parsed.encoder)} and {len(parsed.decoder)}"
            )
        return parsed

    @staticmethod
    def rows(rows: Any) -> List[Stage]:
        """Rows from YAML: ``[[7, 32, 64], ...]``; ValueError if they have not this form."""
        if not isinstance(rows, (list, tuple)):
            raise ValueError(f"stages: expected a list of rows [height, mid, out], got {rows!r}")
        return [_parse_row(row) for row in rows]

    def named(self) -> Dict[str, Stage]:
        """The rows in their order, by the names of the network's layers, such as ``stage5d``."""
        return dict(zip(stage_names(len(self.encoder)), [*self.encoder, *self.decoder]))

    def as_dict(self) -> Dict[str, List[List[Union[int, str]]]]:
        """The table in the form that ``parse`` takes."""
        return {
            "encoder": [list(row) for row in self.encoder],
            "decoder": [list(row) for row in self.decoder],
        }


def stage_names(depth: int) -> List[str]:
    """The names of the stages of a network with ``depth`` encoder stages, in their order."""
    encoder = [f"stage{level}" for level in range(1, depth + 1)]
    return encoder + [f"stage{level}d" for level in range(depth - 1, 0, -1)]


def _parse_row(row: Any) -> Stage:
    try:
        height, mid, out = row if isinstance(row, (list, tuple)) else ()
        whole = all(type(channels) is int and channels > 0 for channels in (mid, out))
        if not whole or type(height) not in (int, str) or int(str(height).removesuffix("F")) < 2:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            "stages: expected rows [height, mid, out] with a height of 2 or more or one such as "
            f'"4F", and positive channels; got {row!r}'
        ) from None
    return Stage(int(height) if str(height).isdigit() else height, mid, out)  # "7" is 7


# Row: RSU height, mid channels (M), out channels (O).
U2NET = StageTable(
    encoder=[
        Stage(7, 32, 64),
        Stage(6, 32, 128),
        Stage(5, 64, 256),
        Stage(4, 128, 512),
        Stage("4F", 256, 512),
        Stage("4F", 256, 512),
    ],
    decoder=[
        Stage("4F", 256, 512),
        Stage(4, 128, 256),
        Stage(5, 64, 128),
        Stage(6, 32, 64),
        Stage(7, 16, 64),
    ],
)
U2NETP = StageTable(
    encoder=[Stage(height, 16, 64) for height in (7, 6, 5, 4, "4F", "4F")],
    decoder=[Stage(height, 16, 64) for height in ("4F", 4, 5, 6, 7)],
)
TABLES = {"U2Net": U2NET, "U2NetP": U2NETP}
"""The named variants: a row here makes one.

Its name is then the class in ``paddleseg_u2net.models.VARIANTS``, ``model.type`` in YAML and in
PaddleSeg's managers, and a column of ``model_info``; weights and ONNX files with these stages are
recognised as it. Stages without a name need no row: ``model.stages`` in YAML.
"""
ALIASES = {"U2Netp": "U2NetP"}
"""Other names: PaddleSeg's own one of the small network stands for this project's, too."""
