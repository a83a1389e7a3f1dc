"""Where the pictures without their background go, and which files are such pictures already."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from paddleseg_u2net.io.files import what_is
from paddleseg_u2net.io.images import IMAGE_SUFFIXES
from paddleseg_u2net.prediction.jobs import LIST_SUFFIXES, Job, free_name, is_image, stems_apart

STREAM = "-"
"""Standard input, or standard output."""

# What pictures are called beside their images, and in a folder of their own.
_BESIDE, _IN_FOLDER = "{stem}.cutout{suffix}", "{stem}{suffix}"


class Output(NamedTuple):
    """Where pictures go: to one ``file``, below a ``folder``, to standard output (``stream``), or
    beside their images, if it is none of these.
    """

    file: Optional[Path] = None
    folder: Optional[Path] = None
    stream: bool = False


def inputs_and_output(
    paths: Sequence[str], output: Optional[str], has_name: bool = False
) -> Tuple[List[str], Output]:
    """Tell what of a command line is read, and where to its pictures go.

    Without ``output`` the last of several paths is it, as for ``cp``, if it is ``-``, a folder, or
    not there yet; of three and more files that are there all are read. Beside images is where
    pictures go by default.

    Args:
        has_name: pictures get names by a pattern, so that the output is no file.

    Raises:
        ValueError: it can be read in two ways, or in none.
    """
    inputs = list(paths)
    if output is None and len(inputs) > 1 and _is_output(inputs, has_name):
        output = inputs.pop()
    if STREAM in inputs and len(inputs) > 1:
        raise ValueError("-: standard input holds one image; give it alone")
    if output is None:
        return inputs, Output(stream=inputs == [STREAM])
    return inputs, _output(inputs, output)


def _is_output(paths: Sequence[str], has_name: bool) -> bool:
    first, last = paths[0], paths[-1]
    if last == STREAM or Path(last).is_dir() or not Path(last).exists():
        return True
    if len(paths) > 2 or has_name or not _is_single(first):
        return False
    raise ValueError(
        f"{first} {last}: both are there, and the second may be an image too, or the output; "
        f"--output {last} overwrites it, --output FOLDER takes the pictures of both"
    )


def _output(inputs: Sequence[str], output: str) -> Output:
    if output == STREAM:
        if not (len(inputs) == 1 and _is_single(inputs[0])):
            raise ValueError("-: standard output takes the picture of one image; name a folder")
        return Output(stream=True)
    path, there = Path(output), what_is(output)
    if there == "no regular file":
        raise ValueError(f"{output}: expected a file, a folder or -, found {there}")
    named = path.suffix and there != "a folder" and not output.endswith(("/", "\\"))
    if len(inputs) == 1 and _is_single(inputs[0]):
        return Output(file=path) if named else Output(folder=path)
    if there == "a file" or (named and is_image(path)):
        raise ValueError(
            f"{output}: expected a folder for the pictures of several images, got "
            f"{'a file' if there == 'a file' else 'the name of a file'}"
        )
    if path.resolve() in {Path(text).resolve() for text in inputs}:
        raise ValueError(
            f"{output}: expected another folder than that of the images; leave it out to have "
            "pictures beside them"
        )
    return Output(folder=path)


def _is_single(path: str) -> bool:
    """Whether it means one image, whatever becomes of it: no folder, list or pattern."""
    place = Path(path)
    if path == STREAM or place.is_file():
        return place.suffix.lower() not in LIST_SUFFIXES
    return is_image(place) and not place.is_dir() and not re.search(r"[*?[]", path)


class Names:
    """Names of pictures: no two are the same, and an image that comes again gets its own again.

    Args:
        output: where to.
        suffixes: of the format that pictures are written in; they get the first.
        template: what they are called, of ``{stem}``, the image's name without its suffix, and
            ``{suffix}``; None: ``{stem}{suffix}`` in a folder, ``{stem}.cutout{suffix}`` beside
            images. Images of one folder that have the same stem keep their suffix in it.

    Raises:
        ValueError: it is no such template.
    """

    def __init__(
        self, output: Output, suffixes: Sequence[str], template: Optional[str] = None
    ) -> None:
        if template is not None:
            _check(template, suffixes, output)
        self._output, self._suffix = output, suffixes[0]
        self._template = template or (_IN_FOLDER if output.folder else _BESIDE)
        self._given: Dict[Path, Path] = {}
        self._places: Dict[Path, Path] = {}
        self._used: Set[str] = set()
        self._usual = _pattern(_BESIDE)
        self._own = _pattern(template) if template and output == Output() else None

    def __call__(self, jobs: Sequence[Job]) -> List[Path]:
        """Where the picture of each goes."""
        for job in jobs:
            folder = self._output.folder
            self._places.setdefault(job.image, folder / job.name if folder else job.image)
        stems = stems_apart(list(self._places.values()))
        for (image, place), stem in zip(self._places.items(), stems):
            if image not in self._given:
                name = self._template.format(stem=stem, suffix=self._suffix)
                self._given[image] = free_name(place.with_name(name), self._used)
        return [self._given[job.image] for job in jobs]

    def is_result(self, path: Path) -> bool:
        """Whether a file is called as pictures are that stand beside their images, or is one.

        By a template of one's own only if its image is there: ``IMG_{stem}{suffix}`` is what
        cameras call theirs.
        """
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            return False
        if self._usual.fullmatch(path.name) or str(path).lower() in self._used:
            return True
        found = self._own.fullmatch(path.name) if self._own else None
        return found is not None and any(
            path.with_name(found["stem"] + suffix).is_file() for suffix in IMAGE_SUFFIXES
        )


def _pattern(template: str) -> re.Pattern[str]:
    """What fits a template; the suffix may be another format's."""
    parts = string.Formatter().parse(template)
    groups = {"stem": "(?P<stem>.+)", "suffix": r"\.\w+", None: ""}
    text, seen = "", set()
    for literal, field, _, _ in parts:
        again = field == "stem" and field in seen
        text += re.escape(literal) + ("(?P=stem)" if again else groups[field])
        seen.add(field)
    return re.compile(text, re.IGNORECASE)


def _check(template: str, suffixes: Sequence[str], output: Output) -> None:
    try:
        parts = string.Formatter().parse(template)
        fields = {field for _, field, _, _ in parts if field is not None}
        known = fields <= {"stem", "suffix"}
        name = template.format(stem="stem", suffix=suffixes[0]) if known else ""
    except ValueError:  # a brace that is not closed
        fields, name = set(), ""
    if "stem" not in fields or not name:
        raise ValueError(
            f"--name {template}: expected a name of {{stem}} and {{suffix}}, such as "
            "'{stem}_cut{suffix}'"
        )
    if re.search(r"[/\\]", name):
        raise ValueError(
            f"--name {template}: expected a name, got a path; the folder is the OUTPUT"
        )
    if not name.lower().endswith(tuple(suffixes)):
        raise ValueError(
            f"--name {template}: expected a name that ends in {{suffix}}, which is {suffixes[0]}; "
            "--format says which it is"
        )
    if output == Output() and Path(name).stem == "stem":
        raise ValueError(
            f"--name {template}: expected more than that beside images, where it may be the name "
            "of another image; add something, or name an OUTPUT"
        )
