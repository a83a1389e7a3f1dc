"""What an exported model's folder says of itself, so that its YAML file is not needed any more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io import files
from paddleseg_u2net.log import logger

NAME = "description.json"
VERSION = 2
UNSEALED = 1
"""The version of descriptions that had no checksum of themselves."""
SEAL = "description_sha256"
OUTPUTS = ("probability", "softmax", "argmax")

# The seal is the last key, so that all before it is what it is the checksum of.
_SEALED = re.compile(rb'"%b"\s*:\s*"([0-9a-f]{64})"\s*\}\s*\Z' % SEAL.encode())

Shape = Tuple[Optional[int], int, Optional[int], Optional[int]]


class ExportError(ValueError):
    """An exported folder that cannot be used, or a model that cannot be exported as asked."""


@dataclass(frozen=True)
class Description:
    """All that predicting needs beside the model's own files.

    Args:
        format: one that a backend runs.
        precision: such as ``fp32``; ``fp16`` is stored, computed in float32 on a CPU.
        output: one of ``OUTPUTS``. ``probability`` is a sigmoid for one class and a softmax for
            more, float32 (N, K, h, w); ``argmax`` is class numbers, int32 (N, h, w).
        shape: of the input (N, C, H, W), float32; None where any number is taken.
        num_classes: channels of the network's output.
        classes: names, that of the background first; one more than channels where there is one
            channel.
        preprocess: the arguments of `Preprocess`, but for the size None as a list.
        files: of each file of the model, the name and the sha256.
        source: where the weights came from: ``file`` and ``sha256``.
        versions: of the programs that made it, by name.
        compared: what it gave beside the eager model: ``images``, ``largest``, ``mean``.
        guard: what a search for a lower precision measured; empty for fp32 and fp16.
    """

    format: str
    precision: str
    output: str
    shape: Shape
    num_classes: int
    classes: Tuple[str, ...]
    preprocess: Mapping[str, Any]
    files: Mapping[str, str]
    source: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    compared: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] = field(default_factory=dict)

    def make_preprocess(self) -> Preprocess:
        """What the network sees of a picture."""
        return Preprocess(**self.preprocess)

    @property
    def in_channels(self) -> int:
        """Channels of the images that it takes."""
        return self.shape[1]


def described_preprocess(preprocess: Preprocess) -> Dict[str, Any]:
    """The ``preprocess`` of a description."""
    return {
        "type": preprocess.type,
        "size": list(preprocess.size) if preprocess.size else None,
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "channels": len(preprocess.mean),
    }


def checksum(path: Union[str, Path]) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with files.open_file(path) as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def is_export(path: Union[str, Path]) -> bool:
    """Whether ``path`` is an exported folder, or the description in one."""
    path = Path(path)
    return (path.name == NAME and path.is_file()) or (path / NAME).is_file()


def exported_folder(path: Union[str, Path]) -> Optional[Path]:
    """The exported folder that ``path`` names, also by its description or one of the model's files;
    None if it is of no export.
    """
    path = Path(path)
    beside, name = path.parent / NAME, f'"{path.name}"'
    if path.name == NAME or (beside.is_file() and path.name and _names(beside, name)):
        path = path.parent
    return path if (path / NAME).is_file() else None


def _names(description: Path, quoted: str) -> bool:
    """Whether it names a file; it may be damaged."""
    return quoted.encode() in description.read_bytes()


def write_description(folder: Path, description: Description) -> None:
    """Write the description into a folder whose model files are there."""
    (folder / NAME).write_bytes(sealed({"description_version": VERSION, **asdict(description)}))


def sealed(content: Mapping[str, Any]) -> bytes:
    """A description as it stands in its file: JSON, the sha256 of itself as its last key."""
    text = json.dumps(content, indent=2, ensure_ascii=False)[: -len("\n}")] + ",\n  "
    data = text.encode("utf-8")
    return data + f'"{SEAL}": "{_checksum_of(data)}"\n}}\n'.encode()


def _checksum_of(data: bytes) -> str:
    """Of a text, whatever its line ends: version control changes them on Windows."""
    return hashlib.sha256(data.replace(b"\r", b"")).hexdigest()


def read_description(folder: Union[str, Path]) -> Description:
    """Read the description of an exported folder; check it, and the files against it.

    Raises:
        ExportError: it is missing, damaged, of another version, or the model's files are missing
            or not those that it was written with.
    """
    folder = Path(folder)
    if folder.name == NAME:
        folder = folder.parent
    description = _parsed(folder / NAME)
    for name, expected in description.files.items():
        _check_file(folder, name, expected)
    return description


def _check_file(folder: Path, name: str, expected: str) -> None:
    try:
        found = checksum(folder / name)
    except FileNotFoundError:
        raise ExportError(
            f"{folder / name}: the model's file is missing; copy the whole folder, or export again"
        ) from None
    if found != expected:
        raise ExportError(
            f"{folder / name}: it is not the file that {NAME} was written for (sha256 {found[:12]}…"
            f", expected {expected[:12]}…); it is damaged or of another export: copy the whole "
            "folder, or export again"
        )


def _parsed(path: Path) -> Description:
    try:
        with files.open_file(path) as file:
            data = file.read()
        content = json.loads(data.decode("utf-8"))
    except FileNotFoundError:
        raise ExportError(
            f"{path.parent}: expected an exported folder with a {NAME}, found none; "
            "`python tools/export.py` makes one"
        ) from None
    except (ValueError, RecursionError) as error:  # not only of the syntax: also of what it holds
        raise ExportError(f"{path}: expected JSON, but it is damaged: {error}") from error
    if not isinstance(content, dict) or "description_version" not in content:
        raise ExportError(f"{path}: expected the description of an exported model, got other JSON")
    version = content.pop("description_version")
    if version not in (VERSION, UNSEALED):
        versions = content.get("versions")
        by = versions.get("paddleseg_u2net") if isinstance(versions, dict) else None
        raise ExportError(
            f"{path}: it has version {version!r} of the description, this program reads {VERSION}; "
            f"export again with this program, or predict with the one that wrote it ({by})"
        )
    if version == VERSION:
        content.pop(SEAL, None)
    problems = _problems(content)
    if problems:
        raise ExportError(f"{path}: {'; '.join(problems)}; export again")
    if version == VERSION:
        _check_seal(path, data)
    else:
        logger.warning(
            f"{path}: of version {UNSEALED}, without a checksum of its own, so that not all damage "
            "to it is seen; export again"
        )
    content["shape"] = tuple(content["shape"])
    content["classes"] = tuple(content["classes"])
    return Description(**content)


def _check_seal(path: Path, data: bytes) -> None:
    """Refuse a description that is not as it was written."""
    found = _SEALED.search(data)
    if found is None:
        raise ExportError(
            f"{path}: {SEAL}: expected the sha256 of all before it as the last key, found none; "
            "export again"
        )
    expected = _checksum_of(data[: found.start()])
    if found[1].decode() != expected:
        raise ExportError(
            f"{path}: {SEAL}: it is not that of this text, which is damaged or was changed; copy "
            f"the folder or export again, or, if you changed it on purpose, write {expected}"
        )


def _problems(content: Dict[str, Any]) -> List[str]:
    """What is wrong with the keys and values of a description."""
    known = [item.name for item in fields(Description)]
    problems = [f"{key}: missing" for key in known if key not in content]
    problems += [f"{key}: not known" for key in content if key not in known]
    if problems:
        return problems
    if content["output"] not in OUTPUTS:
        problems.append(f"output: expected one of {', '.join(OUTPUTS)}, got {content['output']!r}")
    for key in ("format", "precision"):
        if not isinstance(content[key], str) or not content[key]:
            problems.append(f"{key}: expected its name, got {content[key]!r}")
    for key in ("preprocess", "files", "source", "versions", "compared", "guard"):
        if not isinstance(content[key], dict):
            problems.append(f"{key}: expected names and values, got {content[key]!r}")
    if not (isinstance(content["shape"], list) and _is_shape(content["shape"])):
        problems.append(f"shape: expected [N, C, H, W] or null, got {content['shape']!r}")
    if not _is_count(content["num_classes"]):
        problems.append(f"num_classes: expected 1 or more, got {content['num_classes']!r}")
    return problems or [*_odd_files(content), *_odd_classes(content), *_odd_preprocess(content)]


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_shape(values: List[Any]) -> bool:
    return len(values) == 4 and all(
        _is_count(value) or (value is None and axis != 1) for axis, value in enumerate(values)
    )


def _odd_files(content: Dict[str, Any]) -> List[str]:
    files = content["files"]
    plain = all(name not in ("", "..") and Path(name).name == name for name in files)
    if files and plain and all(isinstance(text, str) for text in files.values()):
        return []
    return [f"files: expected names in this folder with a sha256 each, got {files!r}"]


def _odd_classes(content: Dict[str, Any]) -> List[str]:
    classes, count = content["classes"], max(content["num_classes"], 2)
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if named and len(classes) == count:
        return []
    return [f"classes: expected {count} names, the background first, got {classes!r}"]


def _odd_preprocess(content: Dict[str, Any]) -> List[str]:
    try:
        channels = len(Preprocess(**content["preprocess"]).mean)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        text = str(error)
        return [text if text.startswith("preprocess") else f"preprocess: {text}"]
    if channels != content["shape"][1]:
        return [f"preprocess: expected {content['shape'][1]} channels as in shape, got {channels}"]
    return []
