"""What a check found, as text, as JSON, and as lists of what to leave out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Set, Tuple

from paddleseg_u2net.data_tools.inspection.check import Checked, listable
from paddleseg_u2net.data_tools.inspection.findings import KINDS, Finding, by_kind, counts, dropped
from paddleseg_u2net.data_tools.inspection.inputs import Input, Part
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.text import one_line, short_list


def text(parts: Sequence[Part], checked: Checked, every: bool) -> Iterator[str]:
    """Yield what was found, in lines; of each kind all, or one and the names of a few more."""
    for part in parts:
        encoding = checked.encodings[part.name]
        read = f", masks read as {encoding}" if encoding is not None else ""
        yield f"{part.name}: {len(part.pairs)} pairs{read}"
    grouped = by_kind(checked.findings)
    rows = [("", "kind", "count", "what")]
    rows += [(KINDS[kind][0], kind, str(len(found)), KINDS[kind][1])
             for kind, found in grouped.items()]  # fmt: skip
    if grouped:
        yield ""
        first, second, third = (max(len(row[column]) for row in rows) for column in range(3))
        for row in rows:
            yield f"{row[0]:<{first}}  {row[1]:<{second}}  {row[2]:>{third}}  {row[3]}"
    for kind, findings in grouped.items():
        yield ""
        yield f"{KINDS[kind][0]} {kind}" + ("" if every else ", such as")
        for finding in findings if every else findings[:1]:
            yield f"  {one_line(finding.message)}"
        if len(findings) > 1 and not every:
            yield f"  {_others(findings[1:])}"
    number = counts(checked.findings)
    yield ""
    yield f"{number['error']} errors, {number['warning']} warnings, {number['note']} notes"
    if not every and any(len(findings) > 1 for findings in grouped.values()):
        yield "every finding: --report FILE, or --files to see them here"


def _others(findings: Sequence[Finding]) -> str:
    files = [finding.files[0] for finding in findings if finding.files]
    names = [one_line(os.path.basename(name)) for name in files]  # noqa: PTH119 (as given)
    return "and " + (short_list(names, 3) if names else f"{len(findings)} more")


def as_json(data: Input, checked: Checked, bits: int) -> Dict[str, Any]:
    """Return everything; the same for the same files, on any number of processes."""
    settings = data.settings
    return {
        "settings": {
            "num_classes": settings.num_classes,
            "ignore_index": settings.ignore_index,
            "size": list(settings.size),
            "similar": bits,
        },
        "parts": {
            part.name: {
                "pairs": len(part.pairs),
                "masks_read_as": checked.encodings[part.name],
            }
            for part in data.parts
        },
        "counts": counts(checked.findings),
        "kinds": {kind: len(found) for kind, found in by_kind(checked.findings).items()},
        "findings": [finding.as_json() for finding in checked.findings],
        "drop": [list(pair) for pair in dropped(checked.findings)],
    }


def drop_list(parts: Sequence[Part], left_out: Sequence[Tuple[str, str]]) -> bytes:
    """A name a line, below its part's; names of several lines are quoted."""
    lines: List[str] = []
    for part in parts:
        names = [name for of, name in left_out if of == part.name]
        lines += [f"# {part.name}"] if names else []
        lines += [name if len(name.splitlines()) == 1 else repr(name) for name in names]
    return b"".join(os.fsencode(line) + b"\n" for line in lines)


def _list_path(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}_list.txt"


def refuse_list(folder: Path, part: Part) -> None:
    """Refuse to write a part's list over another."""
    path = _list_path(folder, part)
    if path.exists():
        raise FileExistsError(f"{path}: expected none yet; name another --write_lists")


def write_lists(parts: Sequence[Part], left_out: Set[Tuple[str, str]], folder: Path) -> List[str]:
    """Write lists of all pairs but some, none of them empty; return what to say of them."""
    texts: Dict[Path, str] = {}
    said = []
    for part in parts:
        kept = [pair for pair in part.pairs if (part.name, pair.name) not in left_out]
        rows = [(_below(pair.image, part), _below(pair.mask, part)) for pair in kept]
        lines = ["\t".join(row) + "\n" for row in rows if all(map(listable, row))]
        if not lines:
            raise ValueError(f"{part.name}: expected sound pairs to list, found none")
        texts[_list_path(folder, part)] = "".join(lines)
        missing = len(rows) - len(lines)
        if missing:
            said.append(
                f"{part.name}: {missing} pairs have names that no list can hold; rename them"
            )
    for path, content in texts.items():
        write_text(path, content)
        said.append(f"wrote {path}")
    return said


def _below(path: Path, part: Part) -> str:
    """A path as a list has it: below the part's root where it is, else absolute."""
    if part.root is not None and part.root in path.parents:
        return path.relative_to(part.root).as_posix()
    return str(path.absolute())
