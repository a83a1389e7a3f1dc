"""PairStats about a data set to findings: everything that is wrong or strange, with the repair."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from paddleseg_u2net.data_tools.inspection import near_duplicates
from paddleseg_u2net.data_tools.inspection.findings import Finding, in_order
from paddleseg_u2net.data_tools.inspection.parts import Part
from paddleseg_u2net.data_tools.inspection.scan import PairStats, Shape, Values
from paddleseg_u2net.data_tools.inspection.values import SAYING, Content, Reader, coding_of
from paddleseg_u2net.datasets.mask_encoding import INSTANCES, infer_mask_encoding, seem_instances
from paddleseg_u2net.datasets.pairing import Pair
from paddleseg_u2net.io.images import FORMAT_OF_SUFFIX, Header
from paddleseg_u2net.text import short_list

# Formats that change the values of a mask.
_LOSSY = ("JPEG", "WEBP")
# Between hard values, lossy compression leaves mostly values near to them; smooth edges do not.
_MOSTLY_NEAR = 0.75
# Of 1: nothing that anybody marks as foreground, but what class numbers look like among soft masks.
_NEARLY_BLACK = 32 / 255
_LONG = 4
# Most names; the others are looked at more closely.
_PLAIN = re.compile(r"[\w/.-]+", re.ASCII)


class Settings(NamedTuple):
    """What the network is to be trained with.

    Attributes:
        num_classes: 1 or more.
        ignore_index: A label that counts nowhere.
        channels: Of images: 1, 3 or 4.
        size: (width, height) of the network's input.
        bits: That fingerprints of nearly the same images differ in at most.
        named: Whether somebody has named the classes.
    """

    num_classes: int = 1
    ignore_index: int = 255
    channels: int = 3
    size: Tuple[int, int] = (320, 320)
    bits: int = 8
    named: bool = False


@dataclass
class Checked:
    """What came of a check.

    Attributes:
        findings: In order, see ``findings.in_order``.
        codings: By part: how masks are read, None where that is not clear.
    """

    findings: List[Finding]
    codings: Dict[str, object] = field(default_factory=dict)


def check(
    parts: Sequence[Part], facts: Sequence[Sequence[PairStats]], settings: Settings
) -> Checked:
    """Find what is wrong.

    Args:
        parts: The data set.
        facts: For each part the facts about its pairs, in their order, with fingerprints.
        settings: What it is to be used for.
    """
    findings: List[Finding] = []
    codings: Dict[str, object] = {}
    for part, about in zip(parts, facts):
        findings += _of_pairing(part)
        for pair, fact in zip(part.pairs, about):
            findings += _of_files(part, pair, fact, settings)
        codings[part.name], found = _of_values(part, about, settings)
        findings += found
    findings += near_duplicates.find(parts, facts, settings.bits)
    return Checked(in_order(findings), codings)


def _of_pairing(part: Part) -> Iterator[Finding]:
    for problem in part.problems:
        drop: Tuple[Tuple[str, str], ...] = ()
        if problem.kind == "no_mask" and part.images is not None:
            drop = ((part.name, str(problem.files[0].relative_to(part.images))),)
        files = tuple(map(str, problem.files))
        yield Finding(problem.kind, part.name, files, problem.message, drop)


# ---------------------------------------------------------------- files and sizes


def _of_files(part: Part, pair: Pair, facts: PairStats, settings: Settings) -> Iterator[Finding]:
    drop = ((part.name, pair.name),)
    if facts.image_error:
        yield Finding("image", part.name, (str(pair.image),), facts.image_error, drop)
    if facts.mask_error:
        yield Finding("mask", part.name, (str(pair.mask),), facts.mask_error, drop)
    if facts.shape and facts.mask_shape and facts.shape != facts.mask_shape:
        kind = "resized" if part.resizes else "size"
        message = _other_size(pair, facts, part)
        files = (str(pair.mask), str(pair.image))
        yield Finding(kind, part.name, files, message, () if part.resizes else drop)
    if facts.shape:
        for kind, text in _of_image(facts, settings):
            yield Finding(kind, part.name, (str(pair.image),), f"{pair.image}: {text}")
    for path, error, header in (
        (pair.image, facts.image_error, facts.image),
        (pair.mask, facts.mask_error, facts.mask),
    ):
        text = "" if error else _other_suffix(path, header)
        if text:
            yield Finding("suffix", part.name, (str(path),), f"{path}: {text}")
    for path in (pair.image, pair.mask):
        if not listable(str(path)):
            text = f"{str(path)!r}: expected a name that a list in UTF-8 can hold; rename the file"
            yield Finding("name", part.name, (str(path),), text)


def _other_size(pair: Pair, facts: PairStats, part: Part) -> str:
    assert facts.shape is not None and facts.mask_shape is not None
    (height, width), (rows, columns) = facts.shape, facts.mask_shape
    why = "it is of another version of the image; bring the one that belongs to it"
    stretch = "set mismatched_masks: resize to stretch such masks"
    if (rows, columns) == (width, height):
        tag = f" (an EXIF tag turns the image, {facts.image.orientation})"
        turned = facts.image.orientation > 4
        why = f"it lies on its side{tag if turned else ''}; turn one of the two files"
    elif abs(height * columns - width * rows) <= 2 * max(height, width, rows, columns):
        why = f"its proportions are those of the image: scale it without smoothing, or {stretch}"
    elif part.resizes:
        why = "it is stretched to other proportions; see whether it fits"
    return (
        f"{pair.mask}: expected the size of its image {pair.image}, {_size(facts.shape)}, got "
        f"{_size(facts.mask_shape)} (width x height); {why}"
    )


def _of_image(facts: PairStats, settings: Settings) -> Iterator[Tuple[str, str]]:
    """Kind and text of what is unusual about an image."""
    assert facts.shape is not None
    (height, width), header = facts.shape, facts.image
    if 4 * height * width < settings.size[0] * settings.size[1]:
        text = f"expected about the network's input, {settings.size[0]}x{settings.size[1]}, or more"
        yield "small", f"{text}, got {width}x{height}; bring a larger version"
    if max(height, width) > _LONG * min(height, width):
        text = f"{width}x{height} is squeezed into the network's input"
        yield "long", f"{text}; cut it into several images"
    if header.orientation != 1:
        tag = f"an EXIF tag ({header.orientation}) turns it"
        if header.orientation == facts.mask.orientation or facts.shape != facts.mask_shape:
            yield "exif", f"{tag}; it is read upright"
        else:
            text = f"{tag}, and not its mask; see whether the mask was drawn on the upright image"
            yield "turned", f"{text}, else turn the mask too"
    if header.colours == "CMYK":
        yield "cmyk", "its printing colours are converted without a profile; save it as RGB"
    if header.bits > 8:
        yield "deep", "its 16 bits per channel are read as 8"
    if header.alpha and settings.channels != 4:
        yield "alpha", "its transparency is not looked at; colours below it are"


def _other_suffix(path: Path, header: Header) -> str:
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 (much faster)
    expected = FORMAT_OF_SUFFIX.get(suffix, "")
    if not header.format or not expected or header.format in (expected, "MPO"):
        return ""
    return (
        f"the suffix says {expected}, the file is {header.format}, and is read as such; other "
        "programs may not; rename it"
    )


def listable(name: str) -> bool:
    """Whether a name can stand in a list of pairs."""
    if _PLAIN.fullmatch(name):
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    one_line = len(name.splitlines()) == 1 and "\t" not in name
    return one_line and name.strip() == name and not name.startswith("#")


def _size(shape: Shape) -> str:
    return f"{shape[1]}x{shape[0]}"


# ---------------------------------------------------------------- what masks hold

Masks = List[Tuple[Pair, PairStats, Values]]


def _of_values(
    part: Part, facts: Sequence[PairStats], settings: Settings
) -> Tuple[object, List[Finding]]:
    """The coding of a part's masks, and what is wrong with their values."""
    masks = [(pair, fact, fact.values) for pair, fact in zip(part.pairs, facts) if fact.values]
    if not masks:
        return None, []
    coding, complaint = part.mask_values, None
    if coding == "auto":
        named = [(pair.mask, values) for pair, _, values in masks]
        coding, complaint = coding_of(named, settings.num_classes, settings.ignore_index)
    if coding is None:
        file = (str(complaint.file),) if complaint else ()
        hint = f"{complaint}; here with {SAYING}"
        return None, [Finding("coding", part.name, file, hint)]
    reader = Reader(coding, settings.num_classes, settings.ignore_index)
    contents = [reader.content(values) for _, _, values in masks]
    findings: List[Finding] = []
    for (pair, fact, values), content in zip(masks, contents):
        differs = complaint and _own(values, settings) not in (coding, "")
        if content.strange or differs:
            findings.append(_strange(part, pair, fact, content, reader))
            continue
        for kind, text in _of_content(content, settings):
            findings.append(Finding(kind, part.name, (str(pair.mask),), f"{pair.mask}: {text}"))
    findings += _soft(part, masks, contents)
    findings += _unused(part, contents, settings)
    if coding == "index" and not settings.named:
        findings += _instances(part, masks)
    return coding, findings


def _own(values: Values, settings: Settings) -> str:
    """The coding of one mask alone; empty if it fits every one."""
    if values.distinct == {0}:
        return ""
    return (
        infer_mask_encoding(values.distinct, settings.num_classes, settings.ignore_index) or "none"
    )


def _strange(part: Part, pair: Pair, facts: PairStats, content: Content, reader: Reader) -> Finding:
    assert facts.values is not None
    values = content.strange or facts.values.arrays()[0].tolist()
    some = short_list(values)
    share = f" in {100 * content.strange_share:.3g} % of its pixels" if content.strange else ""
    repair = f"correct the mask, or say with {SAYING} what its values mean"
    if content.strange and facts.mask.format in _LOSSY:
        repair = f"{facts.mask.format} changes values: save masks as PNG, from the original"
    message = (
        f"{pair.mask}: expected {reader.coding} values (num_classes {reader.num_classes}) as in "
        f"most masks, got {some}{share}; {repair}"
    )
    return Finding("values", part.name, (str(pair.mask),), message, ((part.name, pair.name),))


def _of_content(content: Content, settings: Settings) -> Iterator[Tuple[str, str]]:
    """Kind and text of what is unusual about the classes of a mask."""
    if not content.pixels:
        text = f"every pixel is {settings.ignore_index}, which counts nowhere"
        yield "ignored", f"{text}; leave the pair out, or correct ignore_index"
    elif list(content.pixels) == [0]:
        yield "empty", "no pixel is foreground; see whether the image shows no object"
    elif len(content.pixels) == 1:
        label = next(iter(content.pixels))
        what = "foreground" if settings.num_classes == 1 else f"class {label}"
        yield "full", f"every pixel is {what}; see whether the object fills the image"


def _soft(part: Part, masks: Masks, contents: Sequence[Content]) -> Iterator[Finding]:
    """Masks that lossy compression or resizing has made soft; all soft ones may be meant so."""
    soft = [number for number, content in enumerate(contents) if content.soft > 0]
    rare = 2 * len(soft) < len(masks)
    for number in soft:
        pair, facts, _ = masks[number]
        content = contents[number]
        if content.strange:
            continue
        share = f"{100 * content.soft:.3g} % of its pixels are between background and foreground"
        files = (str(pair.mask),)
        if content.highest <= _NEARLY_BLACK:
            text = f"{pair.mask}: all of it is read as background, its highest value as "
            text += f"{content.highest:.3g} of 1; if that is foreground, save it with 0 and 255"
            yield Finding("empty", part.name, files, text)
            continue
        if facts.mask.format == "JPEG" or content.near >= _MOSTLY_NEAR:
            text = f"{pair.mask}: {share}, most of them near to one of both, as lossy compression"
            text += " leaves them; take the original, or save it as PNG with 0 and 255 only"
            yield Finding("jpeg", part.name, files, text)
        elif rare:
            text = f"{pair.mask}: {share}; most masks have hard edges: save it with 0 and 255 only"
            yield Finding("soft", part.name, files, text)


def _instances(part: Part, masks: Masks) -> Iterator[Finding]:
    """Class numbers that look like those of objects, where nobody has named the classes."""
    values = [values.distinct for _, _, values in masks]
    if seem_instances(values):
        text = f"{part.name}: expected class numbers, but {INSTANCES}; make one "
        text += "class of them with mask_values: instance and num_classes: 1, or import the set "
        text += "anew with --mask_values instance; if they are classes, name them (class_names)"
        most = max(range(len(masks)), key=lambda place: len(values[place]))
        yield Finding("instances", part.name, (str(masks[most][0].mask),), text)


def _unused(part: Part, contents: Sequence[Content], settings: Settings) -> Iterator[Finding]:
    used = {label for content in contents for label in content.pixels}
    for label in range(1, max(settings.num_classes, 2)):
        if label not in used:
            what = "foreground" if settings.num_classes == 1 else f"class {label}"
            text = f"{part.name}: expected masks with {what}, found none in {len(contents)}"
            yield Finding(
                "unused", part.name, (), f"{text}; add some, or say with {SAYING} what there is"
            )
