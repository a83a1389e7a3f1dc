"""What was scanned becomes findings: all that is wrong or strange, with the repair."""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from paddleseg_u2net.data_tools.inspection import near_duplicates
from paddleseg_u2net.data_tools.inspection.findings import Finding, in_order
from paddleseg_u2net.data_tools.inspection.inputs import Part, Settings
from paddleseg_u2net.data_tools.inspection.mask_reader import (
    SAYING,
    Content,
    content_of,
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
from paddleseg_u2net.text import short_list

# Formats that change the values of a mask.
_LOSSY = ("JPEG", "WEBP")
# Of 1: nothing that anybody marks as foreground, but what class numbers look like among soft masks.
_NEARLY_BLACK = 32 / 255


class Checked(NamedTuple):
    """What came of a check: findings in order, and how masks are read where that is clear."""

    findings: List[Finding]
    encodings: Dict[str, Optional[MaskEncoding]]  # by part


def check(
    parts: Sequence[Part],
    stats: Sequence[Sequence[PairStats]],
    settings: Settings,
    bits: int = 8,
) -> Checked:
    """Find what is wrong with the parts of a data set, by what was scanned of their pairs.

    ``bits``: that fingerprints of nearly the same images differ in at most.
    """
    findings: List[Finding] = []
    encodings: Dict[str, Optional[MaskEncoding]] = {}
    for part, of_part in zip(parts, stats):
        findings += _of_pairing(part)
        for pair, one in zip(part.pairs, of_part):
            findings += _of_pair(part, pair, one, settings)
        encodings[part.name], found = _of_values(part, of_part, settings)
        findings += found
    prints = [[one.fingerprint for one in of_part] for of_part in stats]
    findings += near_duplicates.find(parts, prints, bits)
    return Checked(in_order(findings), encodings)


def _of_pairing(part: Part) -> Iterator[Finding]:
    for problem in part.problems:
        found = Finding(problem.kind, part.name, tuple(map(str, problem.files)), problem.message)
        if problem.kind == "no_mask" and part.images is not None:
            name = str(problem.files[0].relative_to(part.images))
            found = found._replace(drop=((part.name, name),))
        yield found


def _of_pair(part: Part, pair: Pair, stats: PairStats, settings: Settings) -> Iterator[Finding]:
    drop = ((part.name, pair.name),)
    image, mask = str(pair.image), str(pair.mask)
    if stats.image_error:
        yield Finding("image", part.name, (image,), stats.image_error, drop)
    if stats.mask_error:
        yield Finding("mask", part.name, (mask,), stats.mask_error, drop)
    if not part.resizes and stats.shape and stats.mask_shape not in (None, stats.shape):
        message = _other_size(pair, stats.shape, stats.mask_shape)
        yield Finding("size", part.name, (mask, image), message, drop)
    if stats.shape:
        for kind, text in _of_image(stats, stats.shape, settings):
            yield Finding(kind, part.name, (image,), f"{image}: {text}")
    for path in (image, mask):
        if not listable(path):
            text = f"{path!r}: expected a name that a list in UTF-8 can hold; rename the file"
            yield Finding("name", part.name, (path,), text)


def _other_size(pair: Pair, shape: Shape, mask_shape: Shape) -> str:
    (height, width), (rows, columns) = shape, mask_shape
    repair = "bring the mask of this image, or set mismatched_masks: resize to stretch it"
    if mask_shape == (width, height):
        repair = "it lies on its side; turn one of the two files"
    return (
        f"{pair.mask}: expected the size of its image {pair.image}, {width}x{height}, got "
        f"{columns}x{rows} (width x height); {repair}"
    )


def _of_image(stats: PairStats, shape: Shape, settings: Settings) -> Iterator[Tuple[str, str]]:
    (height, width), turned = shape, stats.image.orientation
    if 4 * height * width < settings.size[0] * settings.size[1]:
        text = f"expected about the network's input, {settings.size[0]}x{settings.size[1]}, or more"
        yield "small", f"{text}, got {width}x{height}; bring a larger version"
    if turned != 1 and turned != stats.mask.orientation and shape == stats.mask_shape:
        text = f"an EXIF tag ({turned}) turns it, and not its mask; see whether the mask was drawn"
        yield "turned", f"{text} on the upright image, else turn the mask too"


def listable(name: str) -> bool:
    """Whether a name can stand in a list of pairs."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    one_line = len(name.splitlines()) == 1 and "\t" not in name
    return one_line and name.strip() == name and not name.startswith("#")


class _Mask(NamedTuple):
    pair: Pair
    format: str
    values: Values
    content: Content


def _of_values(
    part: Part, stats: Sequence[PairStats], settings: Settings
) -> Tuple[Optional[MaskEncoding], List[Finding]]:
    encoding, complaint = encoding_of(part, stats, settings)
    if encoding is None:
        text, files = f"{complaint}; here with {SAYING}", (str(complaint and complaint.file),)
        return None, [Finding("coding", part.name, files, text)] if complaint else []
    masks = [
        _Mask(pair, one.mask.format, one.values, content_of(one.values, encoding, settings))
        for pair, one in zip(part.pairs, stats)
        if one.values
    ]
    findings: List[Finding] = []
    for mask, kind, text in _of_masks(masks, encoding, complaint, settings):
        path = str(mask.pair.mask)
        drop = ((part.name, mask.pair.name),) if kind == "values" else ()
        findings.append(Finding(kind, part.name, (path,), f"{path}: {text}", drop))
    findings += _unused(part, masks, settings)
    if encoding == "index" and not settings.named:
        findings += _instances(part, masks)
    return encoding, findings


def _of_masks(
    masks: Sequence[_Mask],
    encoding: MaskEncoding,
    complaint: Optional[MaskError],
    settings: Settings,
) -> Iterator[Tuple[_Mask, str, str]]:
    rare = 2 * sum(mask.content.soft > 0 for mask in masks) < len(masks)
    for mask in masks:
        content, values = mask.content, mask.values.distinct
        alone = infer_mask_encoding(values, settings.num_classes, settings.ignore_index)
        # Where masks are ambiguous together, those that mean another thing alone are strange.
        if content.strange or (complaint and values != {0} and alone != encoding):
            yield mask, "values", _strange(mask, encoding, settings)
            continue
        kind, text = _of_content(content, settings)
        if kind:
            yield mask, kind, text
        # All soft masks may be meant so, but for those that lossy compression made so.
        elif content.soft > 0 and (rare or mask.format in _LOSSY):
            text = f"{100 * content.soft:.3g} % of its pixels are between background and foreground"
            text += "; if edges are meant to be hard, take the original, or save it as PNG with 0 "
            yield mask, "soft", f"{text}and 255 only"


def _strange(mask: _Mask, encoding: MaskEncoding, settings: Settings) -> str:
    strange = mask.content.strange
    values = strange or mask.values.arrays()[0].tolist()
    share = f" in {100 * mask.content.strange_share:.3g} % of its pixels" if strange else ""
    repair = f"correct the mask, or say with {SAYING} what its values mean"
    if strange and mask.format in _LOSSY:
        repair = f"{mask.format} changes values: save masks as PNG, from the original"
    return (
        f"expected {encoding} values (num_classes {settings.num_classes}) as in most masks, "
        f"got {short_list(values)}{share}; {repair}"
    )


def _of_content(content: Content, settings: Settings) -> Tuple[str, str]:
    """What is unusual about the classes of a mask: kind and text, or nothing."""
    if not content.pixels:
        text = f"every pixel is {settings.ignore_index}, which is ignored"
        return "ignored", f"{text}; leave the pair out, or correct ignore_index"
    if list(content.pixels) == [0] or content.highest <= _NEARLY_BLACK:
        text = f"no pixel is foreground (the highest value is {content.highest:.3g} of 1)"
        return "empty", f"{text}; see whether the image shows no object"
    if len(content.pixels) == 1:
        label = next(iter(content.pixels))
        what = "foreground" if settings.num_classes == 1 else f"class {label}"
        return "full", f"every pixel is {what}; see whether the object fills the image"
    return "", ""


def _instances(part: Part, masks: Sequence[_Mask]) -> Iterator[Finding]:
    """Class numbers that look like those of objects, where nobody has named the classes."""
    if seem_instances(mask.values.distinct for mask in masks):
        text = f"{part.name}: expected class numbers, but {INSTANCES}; make one "
        text += "class of them with mask_values: instance and num_classes: 1, or import the set "
        text += "anew with --mask_values instance; if they are classes, name them (class_names)"
        most = max(masks, key=lambda mask: len(mask.values.distinct))
        yield Finding("instances", part.name, (str(most.pair.mask),), text)


def _unused(part: Part, masks: Sequence[_Mask], settings: Settings) -> Iterator[Finding]:
    used = {label for mask in masks for label in mask.content.pixels}
    for label in range(1, max(settings.num_classes, 2)):
        if label not in used:
            what = "foreground" if settings.num_classes == 1 else f"class {label}"
            text = f"{part.name}: expected masks with {what}, found none in {len(masks)}; add "
            text += f"some, or say with {SAYING} what there is"
            yield Finding("unused", part.name, (), text)
