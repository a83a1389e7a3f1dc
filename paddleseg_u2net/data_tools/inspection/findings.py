"""What is wrong with a data set: kinds of findings, how grave they are, and what to drop."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


class Kind(NamedTuple):
    """How grave findings of a kind are, and what they are."""

    severity: str
    what: str


# In the order in which they are shown.
KINDS: Dict[str, Kind] = {
    "line": Kind(ERROR, "lines of a list that do not name two files"),
    "missing": Kind(ERROR, "lines of a list whose files do not exist"),
    "repeated": Kind(ERROR, "images that stand in a list more than once"),
    "no_mask": Kind(ERROR, "images without a mask"),
    "no_image": Kind(ERROR, "masks without an image"),
    "same_name": Kind(ERROR, "files of the same name but for the suffix"),
    "image": Kind(ERROR, "images that cannot be read"),
    "mask": Kind(ERROR, "masks that cannot be read"),
    "size": Kind(ERROR, "masks of another size than their image"),
    "coding": Kind(ERROR, "parts whose masks have no clear meaning"),
    "values": Kind(ERROR, "masks with values that are no class"),
    "leak": Kind(ERROR, "the same image in two parts"),
    "similar": Kind(WARNING, "nearly the same image in two parts"),
    "copy": Kind(WARNING, "the same image twice in one part"),
    "resized": Kind(WARNING, "masks that are stretched to their image's size"),
    "empty": Kind(WARNING, "masks without foreground"),
    "full": Kind(WARNING, "masks of one class only, without background"),
    "ignored": Kind(WARNING, "masks of which nothing counts"),
    "soft": Kind(WARNING, "masks with values between background and foreground, unlike most"),
    "jpeg": Kind(WARNING, "masks that were damaged by lossy compression"),
    "instances": Kind(WARNING, "parts whose masks seem to number objects instead of classes"),
    "unused": Kind(WARNING, "classes that no mask of a part has"),
    "small": Kind(WARNING, "images much smaller than the network's input"),
    "turned": Kind(WARNING, "images that are turned by an EXIF tag, unlike their mask"),
    "name": Kind(WARNING, "names that cannot stand in a list"),
    "near": Kind(NOTE, "images that are nearly the same as another of their part"),
    "long": Kind(NOTE, "images with one side more than four times the other"),
    "suffix": Kind(NOTE, "files whose suffix is not that of their format"),
    "exif": Kind(NOTE, "images that are turned by an EXIF tag"),
    "cmyk": Kind(NOTE, "images in printing colours (CMYK)"),
    "deep": Kind(NOTE, "images with 16 bits per channel"),
    "alpha": Kind(NOTE, "images with transparency, which is not looked at"),
}
_ORDER = {kind: number for number, kind in enumerate(KINDS)}


class Finding(NamedTuple):
    """One thing that is worth saying.

    Attributes:
        kind: A key of `KINDS`.
        part: train, val, ...
        files: The files that it is about, the one to mend first.
        message: The file, what was expected, what came, how to mend it.
        drop: (part, image name) of pairs that are better left out.
    """

    kind: str
    part: str
    files: Tuple[str, ...]
    message: str
    drop: Tuple[Tuple[str, str], ...] = ()

    @property
    def severity(self) -> str:
        """error, warning or note."""
        return KINDS[self.kind].severity

    def as_json(self) -> Dict[str, Any]:
        """For a report."""
        return {
            "severity": self.severity,
            "kind": self.kind,
            "part": self.part,
            "files": list(self.files),
            "message": self.message,
            "drop": [list(pair) for pair in self.drop],
        }


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
