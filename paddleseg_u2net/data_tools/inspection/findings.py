"""What is wrong with a data set: kinds of findings, how grave they are, and what to drop."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)

# How grave findings of a kind are, and what they are; in the order in which they are shown.
KINDS: Dict[str, Tuple[str, str]] = {
    "line": (ERROR, "lines of a list that do not name two files"),
    "missing": (ERROR, "lines of a list whose files do not exist"),
    "repeated": (ERROR, "images that stand in a list more than once"),
    "no_mask": (ERROR, "images without a mask"),
    "no_image": (ERROR, "masks without an image"),
    "same_name": (ERROR, "files of the same name but for the suffix"),
    "image": (ERROR, "images that cannot be read"),
    "mask": (ERROR, "masks that cannot be read"),
    "size": (ERROR, "masks of another size than their image"),
    "coding": (ERROR, "parts whose masks have no clear meaning"),
    "values": (ERROR, "masks with values that are no class"),
    "leak": (ERROR, "the same image in two parts"),
    "similar": (WARNING, "nearly the same image in two parts"),
    "copy": (WARNING, "the same image twice in one part"),
    "empty": (WARNING, "masks without foreground"),
    "full": (WARNING, "masks of one class only, without background"),
    "ignored": (WARNING, "masks of which every pixel is ignored"),
    "soft": (WARNING, "masks with soft edges, by JPEG or unlike most"),
    "instances": (WARNING, "parts whose masks seem to number objects instead of classes"),
    "unused": (WARNING, "classes that no mask of a part has"),
    "small": (WARNING, "images much smaller than the network's input"),
    "turned": (WARNING, "images that are turned by an EXIF tag, unlike their mask"),
    "name": (WARNING, "names that cannot stand in a list"),
    "near": (NOTE, "images that are nearly the same as another of their part"),
}
_ORDER = {kind: number for number, kind in enumerate(KINDS)}

Dropped = Tuple[Tuple[str, str], ...]  # (part, image name)


class Finding(NamedTuple):
    """One thing that is worth saying; of ``files`` the first is to be mended."""

    kind: str  # of `KINDS`
    part: str
    files: Tuple[str, ...]
    message: str
    drop: Dropped = ()  # pairs that are better left out

    @property
    def severity(self) -> str:
        """error, warning or note."""
        return KINDS[self.kind][0]

    def as_json(self) -> Dict[str, Any]:
        """For a report."""
        fields = {"severity": self.severity, **self._asdict(), "files": list(self.files)}
        return {**fields, "drop": [list(pair) for pair in self.drop]}


def in_order(findings: Iterable[Finding]) -> List[Finding]:
    """Errors first, then by kind, part and files; the same for the same findings."""
    return sorted(findings, key=lambda f: (_ORDER[f.kind], f.part, f.files, f.message))


def counts(findings: Iterable[Finding]) -> Dict[str, int]:
    """How many of each severity."""
    result = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        result[finding.severity] += 1
    return result


def by_kind(findings: Iterable[Finding]) -> Dict[str, List[Finding]]:
    """Findings of each kind that there is, in the order of `KINDS`."""
    grouped: Dict[str, List[Finding]] = {}
    for finding in in_order(findings):
        grouped.setdefault(finding.kind, []).append(finding)
    return grouped


def dropped(findings: Iterable[Finding]) -> List[Tuple[str, str]]:
    """(part, image name) of all pairs that are better left out, each once, sorted."""
    return sorted({pair for finding in findings for pair in finding.drop})
