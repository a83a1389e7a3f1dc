"""Annotations of any format become a data set of this project: a folder, whole or not at all.

It has ``images``, ``masks``, lists of pairs, ``classes.txt``, a ``train.yaml`` that trains on all
this, and ``import.json``: what was made of what, and how.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from paddleseg_u2net._version import __version__
from paddleseg_u2net.data_tools.annotations.sample import AnnotatedDataset, Bad, Sample
from paddleseg_u2net.data_tools.sample_writer import SampleWriter, Written, usable, write_lists
from paddleseg_u2net.data_tools.similar_groups import with_similar
from paddleseg_u2net.data_tools.splits import PARTS, Item, check_shares, folds, split
from paddleseg_u2net.data_tools.train_yaml import fold_yaml, train_yaml
from paddleseg_u2net.io.files import check_writable, new_dir, recover_dir, write_text
from paddleseg_u2net.parallel import in_chunks, parallel_map

# Images that one process takes at a time: also what is still done after an interruption.
_CHUNK = 8


class ImportFailed(ValueError):
    """Nothing was imported; the message says why, and the repair."""


@dataclass(frozen=True)
class Options:
    """How a source is imported."""

    val_share: float = 0.1
    test_share: float = 0.0
    folds: int = 0  # of a cross-validation; then there is no part for validation
    seed: int = 0
    # Its first group finds the group in an image's name; without it, groups are the source's.
    group_by: str = ""
    group_similar: Optional[int] = None  # keep images together whose hashes differ in few bits
    resplit: bool = False  # divide anew what the source has divided
    copy: bool = False  # else hard links where that is possible
    mismatched_masks: str = "error"  # or resize: they are fitted to their images
    skip_bad: bool = False  # leave out images that cannot be used, missing ones too
    allow_missing: bool = False
    allow_empty: bool = False
    workers: int = 0  # processes beside this one
    size: Tuple[int, int] = (320, 320)  # width and height that the network sees


@dataclass(frozen=True)
class Part:
    """What one part holds."""

    images: int
    empty: int  # images without any foreground
    foreground: float  # mean share over the images, 0 to 1
    classes: Dict[str, int]  # numbers of images by class


@dataclass
class Imported:
    """What came of an import."""

    root: Path
    classes: Tuple[str, ...]
    parts: Dict[str, Part]
    folds: List[Part] = field(default_factory=list)  # what each of them validates on
    bad: List[Bad] = field(default_factory=list)  # left out
    remarks: List[str] = field(default_factory=list)


def write(
    source: AnnotatedDataset,
    root: Path,
    about: Mapping[str, Any],
    options: Options = Options(),
    progress: Callable[[int], object] = lambda images: None,
) -> Imported:
    """Write annotated images as a data set; the same to the last byte for any number of workers.

    ``about`` is noted in ``import.json``, such as the format and its files; ``progress`` is called
    with the number of images that are done since the last call.
    """
    check_output(root, [])
    check_shares(options.val_share, options.test_share)
    recover_dir(root)  # of a process that was killed in the middle of this
    if not source.samples and not source.bad:
        why = f" ({'; '.join(source.remarks[:5])})" if source.remarks else "; check its path"
        raise ImportFailed(f"no images were found in the source{why}")
    kept, unnamed = usable(source.samples)
    kept, remarks = _grouped(kept, options)
    with new_dir(root) as temporary:
        stretch = options.mismatched_masks == "resize"
        number = len(source.classes)
        prints = options.group_similar is not None
        writer = SampleWriter(temporary, number, source.soft, options.copy, stretch, prints)
        written, bad = _write_all(writer, kept, options.workers, progress)
        bad = [*source.bad, *unnamed, *bad]
        if bad:
            _refuse(bad, len(written), options)
        if options.group_similar is not None:
            kept, remark = with_similar(kept, written, options.group_similar)
            remarks.append(remark)
        parts, parted = _split(kept, {item.name: item for item in written}, options)
        own = not options.resplit and any(sample.split for sample in kept)
        if not options.allow_empty:
            _refuse_empty(written, "", source.remarks)
            _refuse_empty(parts["train"] if own else [], " of train", source.remarks)
        result = Imported(
            root,
            source.classes,
            {name: _part(items, source.classes) for name, items in parts.items() if items},
            [_part(items, source.classes) for items in parted],
            bad,
            [*source.remarks, *remarks, *_remarks(parts, written, source.classes, options)],
        )
        _write_lists(temporary, parts)
        for number, fold in enumerate(parted, start=1):
            held_out = {item.name for item in fold}
            others = [item for item in parts["train"] if item.name not in held_out]
            _write_lists(temporary / f"fold_{number}", {"train": others, "val": fold})
        _write_texts(temporary, result, source.soft, about, options)
    return result


def _write_lists(folder: Path, parts: Mapping[str, Sequence[Written]]) -> None:
    write_lists(folder, {p: [(i.image, i.mask) for i in items] for p, items in parts.items()})


def check_output(root: Path, sources: Sequence[Path]) -> None:
    """Refuse a place for a data set in which something of the user's stands."""
    place = root.resolve()
    above = (place, *place.parents)
    for source in (source.resolve() for source in sources):
        if source.is_dir() and source in above:
            raise ImportFailed(
                f"{root}: expected a folder outside of the source {source}, whose files are left "
                "alone; choose another --output"
            )
        if place in source.parents:
            raise ImportFailed(
                f"{root}: the source {source} is inside this folder; choose another --output"
            )
    check_writable(root, folder=True, name=f"--output {root}")
    if place == Path.cwd():
        # Its name would go to the new folder, and the user's shell would stay in the old one.
        raise ImportFailed(
            f"{root}: is the current folder, which cannot be replaced; choose a folder in it as "
            "--output"
        )
    if root.is_dir() and any(root.iterdir()):
        raise ImportFailed(
            f"{root}: expected a new or empty folder, found files in it, and nothing is ever "
            "overwritten; delete it yourself, or choose another --output"
        )


def _grouped(samples: List[Sample], options: Options) -> Tuple[List[Sample], List[str]]:
    if not options.group_by:
        return samples, []
    flag = f"--group_by {options.group_by}"
    try:
        pattern = re.compile(options.group_by)
    except re.error as error:
        raise ImportFailed(f"{flag}: {error}; correct it") from error
    if not pattern.groups:
        raise ImportFailed(f"{flag}: expected a group in parentheses, such as '(.*)_[0-9]+'")
    grouped = []
    for sample in samples:
        # In the name of the file first, so that `^` means what one expects of it.
        match = pattern.search(sample.name.rpartition("/")[2]) or pattern.search(sample.name)
        grouped.append(replace(sample, group=(match[1] or "") if match else ""))
    alone = [sample.name for sample in grouped if not sample.group]
    if samples and len(alone) == len(samples):
        raise ImportFailed(
            f"{flag}: found nothing in any name, such as {alone[0]}; it is looked for in the names "
            "of files without suffix, then with the folders before them"
        )
    remark = f"--group_by gives {len({s.group for s in grouped if s.group})} groups"
    if alone:
        remark += f"; {len(alone)} images, such as {alone[0]}, are in none"
    return grouped, [remark]


def _split(
    samples: Sequence[Sample], written: Mapping[str, Written], options: Options
) -> Tuple[Dict[str, List[Written]], List[List[Written]]]:
    """The parts, and the folds of the training part, if there are to be any."""
    items = []
    for sample in samples:
        content = written.get(sample.name)
        if content:
            own = "" if options.resplit else sample.split
            classes = len(content.classes)
            items.append(Item(sample.name, content.share, classes, sample.group, own))
    parted: List[List[str]] = []
    if options.folds:
        parted, test = folds(items, options.folds, options.test_share, options.seed)
        names = {"train": sorted(name for own in parted for name in own), "val": [], "test": test}
    else:
        names = split(items, options.val_share, options.test_share, options.seed)
    parts = {part: [written[name] for name in names[part]] for part in PARTS}
    return parts, [[written[name] for name in own] for own in parted]


def _part(items: Sequence[Written], classes: Sequence[str]) -> Part:
    shows = Counter(number for item in items for number in item.classes)
    return Part(
        len(items),
        sum(not item.share for item in items),
        math.fsum(item.share for item in items) / len(items),
        {name: shows[number] for number, name in enumerate(classes) if number},
    )


def _remarks(
    parts: Mapping[str, Sequence[Written]],
    written: Sequence[Written],
    classes: Sequence[str],
    options: Options,
) -> Iterator[str]:
    asked = {
        "val": 0.0 if options.folds else options.val_share,
        "test": options.test_share,
        "train": 1.0,
    }
    for part, share in asked.items():
        if share and not parts[part]:
            yield f"the source's own division has no {part} part; --resplit divides anew"
    shown = {number for item in written for number in item.classes}
    unseen = [name for number, name in enumerate(classes) if number and number not in shown]
    if unseen and shown:
        yield (
            f"no image shows {', '.join(unseen)}, which the network would learn all the same; "
            "leave classes out by naming the others with --classes"
        )
    empty = [part for part in PARTS if parts[part] and not any(i.share for i in parts[part])]
    yield from (f"no image of {part} has any foreground" for part in empty)
    stretched = sum(item.stretched for item in written)
    if stretched:
        yield f"{stretched} masks of another size were stretched to their images"
    ignored = sum(item.ignored for item in written)
    if ignored:
        yield f"{ignored} masks have pixels that are ignored (255)"


def _write_all(
    writer: SampleWriter,
    samples: Sequence[Sample],
    workers: int,
    progress: Callable[[int], object],
) -> Tuple[List[Written], List[Bad]]:
    outcomes: List[Union[Written, Bad]] = []
    # Closed before the folder is deleted, whatever happens: or processes would go on writing there.
    work = partial(_write_some, writer)
    with closing(parallel_map(work, in_chunks(samples, _CHUNK), workers)) as answers:
        for some in answers:
            outcomes += some
            progress(len(some))
    return (
        [item for item in outcomes if isinstance(item, Written)],
        [item for item in outcomes if isinstance(item, Bad)],
    )


def _write_some(writer: SampleWriter, samples: Sequence[Sample]) -> List[Union[Written, Bad]]:
    return [writer(sample) for sample in samples]


def _refuse(bad: Sequence[Bad], good: int, options: Options) -> None:
    """Raise if bad images are not to be left out, or if nothing else is left."""
    only_missing = all(item.missing for item in bad)
    if good and (options.skip_bad or (options.allow_missing and only_missing)):
        return
    repair = "add them" if only_missing else "mend them"
    if any("--mismatched_masks" in item.why for item in bad):
        repair += ", fit masks to their images with --mismatched_masks resize"
    if good:
        repair += f", or leave them out with --{'allow_missing' if only_missing else 'skip_bad'}"
    raise ImportFailed(
        f"{len(bad)} of {len(bad) + good} images cannot be used, so nothing was imported:\n"
        + "".join(f"  {item.why}\n" for item in bad)
        + repair
    )


def _refuse_empty(written: Sequence[Written], part: str, remarks: Sequence[str]) -> None:
    if not written or any(item.share for item in written):
        return
    why = f" ({'; '.join(remarks)})" if remarks else ""
    raise ImportFailed(
        f"none of the {len(written)} images{part} has any foreground, so there is nothing to learn"
        f"{why}; export areas (masks or polygons), look at --classes, or take the data set as it "
        "is with --allow_empty"
    )


def _write_texts(
    folder: Path, result: Imported, soft: bool, about: Mapping[str, Any], options: Options
) -> None:
    names = "".join(f"{' '.join(name.split())}\n" for name in result.classes)
    write_text(folder / "classes.txt", names)
    values = "soft" if soft else "index"
    used = train_yaml(result.root, result.classes, values, result.parts, options.size)
    write_text(folder / "train.yaml", used)
    for number in range(1, len(result.folds) + 1):
        used = fold_yaml(result.root, result.classes, values, number, len(result.folds))
        write_text(folder / f"fold_{number}.yaml", used)
    how: Dict[str, Optional[Any]] = asdict(options)
    del how["workers"]  # changes nothing
    told = {
        "version": __version__,
        **about,
        "options": how,
        "classes": list(result.classes),
        "soft": soft,
        "parts": {name: asdict(part) for name, part in result.parts.items()},
        "folds": [asdict(part) for part in result.folds],
        "remarks": result.remarks,
        "left_out": [{"image": str(item.image), "why": item.why} for item in result.bad],
    }
    write_text(folder / "import.json", json.dumps(told, indent=1, ensure_ascii=True) + "\n")
