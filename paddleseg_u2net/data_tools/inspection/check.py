"""What was scanned becomes findings: all that is wrong or strange, with the repair."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.inspection import near_duplicates
from paddleseg_u2net.data_tools.inspection.findings import Dropped, Finding, in_order
from paddleseg_u2net.data_tools.inspection.inputs import Part, Settings
from paddleseg_u2net.data_tools.inspection.mask_reader import (
    SAYING,
    Content,
    MaskReader,
    encoding_of,
)
from paddleseg_u2net.data_tools.inspection.scan import PairStats, Shape, Values
from paddleseg_u2net.datasets.mask_encoding import (
    INSTANCES,
    MaskEncoding,
    MaskError,
    infer_mask_encoding,
    seem_instances,
)
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


class Checked(NamedTuple):
    """What came of a check.

    Attributes:
        findings: In order, see `in_order`.
        encodings: By part: how masks are read, None where that is not clear.
    """

    findings: List[Finding]
    encodings: Dict[str, Optional[MaskEncoding]]


# What is found in one file: its kind and text.
Found = Iterator[Tuple[str, str]]


def check(
    parts: Sequence[Part],
    stats: Sequence[Sequence[PairStats]],
    settings: Settings,
    bits: int = 8,
) -> Checked:
    """Find what is wrong.

    Args:
        parts: The data set.
        stats: For each part those of its pairs, in their order, with fingerprints.
        settings: What it is to be used for.
        bits: That fingerprints of nearly the same images differ in at most.
    """
    findings: List[Finding] = []
    encodings: Dict[str, Optional[MaskEncoding]] = {}
    for part, of_part in zip(parts, stats):
        findings += _of_pairing(part)
        for pair, one in zip(part.pairs, of_part):
            findings += _of_pair(part, pair, one, settings)
        encodings[part.name], found = _of_values(part, of_part, settings)
        findings += found
    findings += near_duplicates.find(parts, stats, bits)
    return Checked(in_order(findings), encodings)


def _of_pairing(part: Part) -> Iterator[Finding]:
    for problem in part.problems:
        drop: Dropped = ()
        if problem.kind == "no_mask" and part.images is not None:
            drop = ((part.name, str(problem.files[0].relative_to(part.images))),)
        files = tuple(map(str, problem.files))
        yield Finding(problem.kind, part.name, files, problem.message, drop)


def _of_pair(part: Part, pair: Pair, stats: PairStats, settings: Settings) -> Iterator[Finding]:
    drop = ((part.name, pair.name),)
    image, mask = str(pair.image), str(pair.mask)
    if stats.image_error:
        yield Finding("image", part.name, (image,), stats.image_error, drop)
    if stats.mask_error:
        yield Finding("mask", part.name, (mask,), stats.mask_error, drop)
    if stats.shape and stats.mask_shape and stats.shape != stats.mask_shape:
        message = _other_size(pair, stats.shape, stats.mask_shape, stats.image.orientation, part)
        kind = "resized" if part.resizes else "size"
        yield Finding(kind, part.name, (mask, image), message, () if part.resizes else drop)
    if stats.shape:
        for kind, text in _of_image(stats, stats.shape, settings):
            yield Finding(kind, part.name, (image,), f"{image}: {text}")
    for path, error, header in (
        (image, stats.image_error, stats.image),
        (mask, stats.mask_error, stats.mask),
    ):
        text = "" if error else _other_suffix(path, header)
        if text:
            yield Finding("suffix", part.name, (path,), f"{path}: {text}")
    for path in (image, mask):
        if not listable(path):
            text = f"{path!r}: expected a name that a list in UTF-8 can hold; rename the file"
            yield Finding("name", part.name, (path,), text)


def _other_size(pair: Pair, shape: Shape, mask_shape: Shape, orientation: int, part: Part) -> str:
    (height, width), (rows, columns) = shape, mask_shape
    why = "it is of another version of the image; bring the one that belongs to it"
    if mask_shape == (width, height):
        tag = f" (an EXIF tag turns the image, {orientation})" if orientation > 4 else ""
        why = f"it lies on its side{tag}; turn one of the two files"
    elif abs(height * columns - width * rows) <= 2 * max(height, width, rows, columns):
        why = "its proportions are those of the image: scale it without smoothing, or set "
        why += "mismatched_masks: resize to stretch such masks"
    elif part.resizes:
        why = "it is stretched to other proportions; see whether it fits"
    return (
        f"{pair.mask}: expected the size of its image {pair.image}, {width}x{height}, got "
        f"{columns}x{rows} (width x height); {why}"
    )


def _of_image(stats: PairStats, shape: Shape, settings: Settings) -> Found:
    """What is unusual about an image."""
    (height, width), header = shape, stats.image
    if 4 * height * width < settings.size[0] * settings.size[1]:
        text = f"expected about the network's input, {settings.size[0]}x{settings.size[1]}, or more"
        yield "small", f"{text}, got {width}x{height}; bring a larger version"
    if max(height, width) > _LONG * min(height, width):
        text = f"{width}x{height} is squeezed into the network's input"
        yield "long", f"{text}; cut it into several images"
    if header.orientation != 1:
        tag = f"an EXIF tag ({header.orientation}) turns it"
        if header.orientation == stats.mask.orientation or shape != stats.mask_shape:
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


def _other_suffix(path: str, header: Header) -> str:
    expected = FORMAT_OF_SUFFIX.get(os.path.splitext(path)[1].lower(), "")  # noqa: PTH122
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


class _Mask(NamedTuple):
    path: Path
    drop: Dropped
    format: str
    values: Values
    content: Content


def _of_values(
    part: Part, stats: Sequence[PairStats], settings: Settings
) -> Tuple[Optional[MaskEncoding], List[Finding]]:
    """The encoding of a part's masks, and what is wrong with their values."""
    read = [(pair, one, one.values) for pair, one in zip(part.pairs, stats) if one.values]
    if not read:
        return None, []
    encoding, complaint = part.mask_values, None
    if encoding == "auto":
        named = [(pair.mask, values) for pair, _, values in read]
        encoding, complaint = encoding_of(named, settings.num_classes, settings.ignore_index)
    if encoding is None:
        file = (str(complaint.file),) if complaint else ()
        return None, [Finding("coding", part.name, file, f"{complaint}; here with {SAYING}")]
    reader = MaskReader(encoding, settings.num_classes, settings.ignore_index)
    masks = [
        _Mask(pair.mask, ((part.name, pair.name),), one.mask.format, values, reader.content(values))
        for pair, one, values in read
    ]
    findings = [
        Finding(kind, part.name, (str(mask.path),), f"{mask.path}: {text}",
                mask.drop if kind == "values" else ())
        for mask, kind, text in _of_masks(masks, reader, complaint, settings)
    ]  # fmt: skip
    findings += _unused(part, masks, settings)
    if encoding == "index" and not settings.named:
        findings += _instances(part, masks)
    return encoding, findings


def _of_masks(
    masks: Sequence[_Mask], reader: MaskReader, complaint: Optional[MaskError], settings: Settings
) -> Iterator[Tuple[_Mask, str, str]]:
    rare = 2 * sum(mask.content.soft > 0 for mask in masks) < len(masks)
    for mask in masks:
        # Where masks are ambiguous together, those that mean another thing alone are strange.
        if mask.content.strange or (complaint and _means_another(mask, reader, settings)):
            yield mask, "values", _strange(mask, reader)
            continue
        for kind, text in _of_content(mask.content, settings):
            yield mask, kind, text
    for mask in masks:
        if mask.content.soft > 0 and not mask.content.strange:
            for kind, text in _of_soft(mask, rare):
                yield mask, kind, text


def _means_another(mask: _Mask, reader: MaskReader, settings: Settings) -> bool:
    values = mask.values.distinct
    return values != {0} and reader.encoding != infer_mask_encoding(
        values, settings.num_classes, settings.ignore_index
    )


def _strange(mask: _Mask, reader: MaskReader) -> str:
    strange = mask.content.strange
    values = strange or mask.values.arrays()[0].tolist()
    share = f" in {100 * mask.content.strange_share:.3g} % of its pixels" if strange else ""
    repair = f"correct the mask, or say with {SAYING} what its values mean"
    if strange and mask.format in _LOSSY:
        repair = f"{mask.format} changes values: save masks as PNG, from the original"
    return (
        f"expected {reader.encoding} values (num_classes {reader.num_classes}) as in most masks, "
        f"got {short_list(values)}{share}; {repair}"
    )


def _of_content(content: Content, settings: Settings) -> Found:
    """What is unusual about the classes of a mask."""
    if not content.pixels:
        text = f"every pixel is {settings.ignore_index}, which is ignored"
        yield "ignored", f"{text}; leave the pair out, or correct ignore_index"
    elif list(content.pixels) == [0]:
        yield "empty", "no pixel is foreground; see whether the image shows no object"
    elif len(content.pixels) == 1:
        label = next(iter(content.pixels))
        what = "foreground" if settings.num_classes == 1 else f"class {label}"
        yield "full", f"every pixel is {what}; see whether the object fills the image"


def _of_soft(mask: _Mask, rare: bool) -> Found:
    """Lossy compression or resizing makes masks soft; all soft ones may be meant so."""
    content = mask.content
    share = f"{100 * content.soft:.3g} % of its pixels are between background and foreground"
    if content.highest <= _NEARLY_BLACK:
        text = f"all of it is read as background, its highest value as {content.highest:.3g} of 1"
        yield "empty", f"{text}; if that is foreground, save it with 0 and 255"
    elif mask.format == "JPEG" or content.near >= _MOSTLY_NEAR:
        text = f"{share}, most of them near to one of both, as lossy compression leaves them"
        yield "jpeg", f"{text}; take the original, or save it as PNG with 0 and 255 only"
    elif rare:
        yield "soft", f"{share}; most masks have hard edges: save it with 0 and 255 only"


def _instances(part: Part, masks: Sequence[_Mask]) -> Iterator[Finding]:
    """Class numbers that look like those of objects, where nobody has named the classes."""
    if seem_instances(mask.values.distinct for mask in masks):
        text = f"{part.name}: expected class numbers, but {INSTANCES}; make one "
        text += "class of them with mask_values: instance and num_classes: 1, or import the set "
        text += "anew with --mask_values instance; if they are classes, name them (class_names)"
        most = max(masks, key=lambda mask: len(mask.values.distinct))
        yield Finding("instances", part.name, (str(most.path),), text)


def _unused(part: Part, masks: Sequence[_Mask], settings: Settings) -> Iterator[Finding]:
    used = {label for mask in masks for label in mask.content.pixels}
    for label in range(1, max(settings.num_classes, 2)):
        if label not in used:
            what = "foreground" if settings.num_classes == 1 else f"class {label}"
            text = f"{part.name}: expected masks with {what}, found none in {len(masks)}; add "
            text += f"some, or say with {SAYING} what there is"
            yield Finding("unused", part.name, (), text)
