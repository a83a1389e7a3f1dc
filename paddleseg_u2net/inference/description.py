"""What an exported model's folder says of itself, and its model on an engine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from paddleseg_u2net.inference.backends import AUTO, BACKENDS, Choice, LoadError, Model, choose
from paddleseg_u2net.inference.backends.backend import Network
from paddleseg_u2net.inference.preprocess import Preprocess
from paddleseg_u2net.io import files

NAME = "description.json"
VERSION = 2
SEAL = "description_sha256"
OUTPUTS = ("probability", "softmax", "argmax")

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
        network: the class of a network that is no U²-Net.
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
    network: str = ""

    def make_preprocess(self) -> Preprocess:
        """What the network sees of an image."""
        return Preprocess(**self.preprocess)


def described_preprocess(preprocess: Preprocess) -> Dict[str, Any]:
    """The ``preprocess`` of a description; ``fit`` and ``restore`` where they say something."""
    described: Dict[str, Any] = {
        "type": preprocess.type,
        "size": list(preprocess.size) if preprocess.size else None,
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "channels": len(preprocess.mean),
    }
    described.update({"fit": preprocess.fit.steps} if preprocess.fit else {})
    described.update({"restore": "logits"} if preprocess.restores == "logits" else {})
    return described


def checksum(path: Union[str, Path]) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with files.open_file(path) as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def exported_folder(path: Union[str, Path]) -> Optional[Path]:
    """The exported folder that ``path`` names, also by its description or one of the model's files;
    None if it is of no export.
    """
    path = Path(path)
    beside = path.parent / NAME
    # a description may be damaged, and is read as text
    named = path.name and beside.is_file() and f'"{path.name}"'.encode() in beside.read_bytes()
    if path.name == NAME or named:
        path = path.parent
    return path if (path / NAME).is_file() else None


def write_description(folder: Path, description: Description) -> None:
    """Write the description into a folder whose model files are there."""
    (folder / NAME).write_bytes(sealed({"description_version": VERSION, **asdict(description)}))


def sealed(content: Mapping[str, Any]) -> bytes:
    """A description as it stands in its file: JSON, the sha256 of all before it as its last key."""
    text = json.dumps(content, indent=2, ensure_ascii=False)[: -len("\n}")] + ",\n  "
    return f'{text}"{SEAL}": "{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n'.encode()


def read_description(folder: Union[str, Path]) -> Description:
    """Read the description of an exported folder; check it, and the files against it."""
    folder = Path(folder)
    path = folder / NAME
    content = _read_json(path)
    seal = content.pop(SEAL, None)
    expected = json.loads(sealed(content))[SEAL]
    if seal != expected:
        raise ExportError(
            f"{path}: {SEAL}: it is not that of this text, which is damaged or was changed; copy "
            f"the folder or export again, or, if you changed it on purpose, write {expected}"
        )
    del content["description_version"]
    try:
        lists = {key: tuple(content[key]) for key in ("shape", "classes")}
        made = Description(**{**content, **lists})
        made.make_preprocess()
        sums = dict(made.files)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise ExportError(f"{path}: {error!s}; export again") from error
    for name, expected in sums.items():
        if Path(name).name != name or name in ("", ".."):
            raise ExportError(f"{path}: files: {name!r} is no name in this folder; export again")
        try:
            found = checksum(folder / name)
        except FileNotFoundError:
            found = "nothing"
        if found != expected:
            raise ExportError(
                f"{folder / name}: expected the file that {NAME} was written for (sha256 "
                f"{expected[:12]}…), found {found[:12]}; copy the whole folder, or export again"
            )
    return made


def _read_json(path: Path) -> Dict[str, Any]:
    """The content of a description of this version."""
    try:
        with files.open_file(path) as file:
            content = json.loads(file.read().decode("utf-8"))
    except FileNotFoundError:
        raise ExportError(
            f"{path.parent}: expected an exported folder with a {NAME}, found none; "
            "`python tools/export.py` makes one"
        ) from None
    except (ValueError, RecursionError) as error:  # not only of the syntax: also of what it holds
        raise ExportError(f"{path}: expected JSON, but it is damaged: {error}") from error
    if not isinstance(content, dict) or "description_version" not in content:
        raise ExportError(f"{path}: expected the description of an exported model, got other JSON")
    version = content["description_version"]
    if version != VERSION:
        raise ExportError(
            f"{path}: it has version {version!r} of the description, this program reads {VERSION}; "
            "export again with this program, or predict with the one that wrote it (versions: "
            f"{content.get('versions')})"
        )
    return content


class Exported(NamedTuple):
    """An exported model that can be run, and the backend that runs it."""

    description: Description
    network: Network
    choice: Choice


def load_exported(
    folder: Path, backend: str = AUTO, threads: Optional[int] = None, device: str = AUTO
) -> Exported:
    """Read an exported folder and load its model; ExportError, BackendError."""
    description = read_description(folder)
    choice = choose(backend, device, description.format, description.precision)
    model = Model(
        description.format,
        {name: folder / name for name in description.files},
        "argmax" if description.output == "argmax" else "probability",
        description.num_classes,
        description.shape,
        description.precision,
        network=description.network,
    )
    try:
        network = BACKENDS[choice.backend].load(model, threads, choice.device)
    except LoadError as error:
        raise ExportError(
            f"{folder}: {error}; the file is damaged, or the engine is older than that which it "
            "was made with: export again, or update the engine"
        ) from error
    network.num_classes = description.num_classes  # type: ignore[attr-defined]
    return Exported(description, network, choice)
