"""The picture of labels: images as training sees them, with their labels over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Set

import numpy as np

from paddleseg_u2net.io.images import png_bytes
from paddleseg_u2net.render.contact_sheet import Cell, contact_sheet
from paddleseg_u2net.render.mask_overlay import class_colors, fitted, masked

if TYPE_CHECKING:
    from paddleseg_u2net.training.diagnosis.subject import Subject

_SHOWN, _CELL = 12, 176


def label_sheet(subject: Subject) -> bytes:
    """A PNG file: some images behind the transforms, alone and with their labels."""
    classes, ignored = subject.num_classes, subject.ignore_index
    colors = class_colors(max(classes, 2))
    rows: List[List[Cell]] = []
    present: Set[int] = set()
    for sample in subject.samples[:_SHOWN]:
        label = sample.target
        counted = label[label != ignored]
        share = float((counted if classes == 1 else counted > 0).mean()) if counted.size else 0.0
        text = f"{share:.1%} foreground" if classes <= 2 else f"{share:.1%} not class 0"
        gone = float((label == ignored).mean())
        lines = (text, f"{gone:.1%} ignored") if gone else (text,)
        empty = share in (0, 1)
        picture = masked(sample.seen, label, _CELL, colors, ignored)
        height, width = sample.seen.shape[:2]
        rows.append(
            [
                Cell(fitted(sample.seen, _CELL), (sample.name, f"{width} x {height}")),
                Cell(picture, lines, warning=empty),
            ]
        )
        present |= {int(value) for value in np.unique(np.ceil(label))} - {0}
    sheet = contact_sheet(
        rows,
        ["image", "label over it"],
        _CELL,
        [
            "What training sees",
            f"{len(rows)} of {len(subject.dataset)} pairs, behind the transforms",
        ],
        [_entry(number, subject, colors) for number in sorted(present)],
    )
    return png_bytes(sheet)


def _entry(number: int, subject: Subject, colors: np.ndarray) -> Any:
    if number == subject.ignore_index:
        return None, f"ignored ({number})"
    names = subject.dataset.classes
    name = names[number] if number < len(names) else f"class {number}"
    if subject.num_classes <= 2 and not names:
        name = "foreground"
    return tuple(colors[number].tolist()), name
