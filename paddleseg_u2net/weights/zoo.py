"""The published weights by name: where they come from, and where they are kept."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from paddleseg_u2net.io.download import Checksum, DownloadError, fetch, verify
from paddleseg_u2net.io.files import set_aside
from paddleseg_u2net.weights.file_type import refuse_disguised
from paddleseg_u2net.weights.formats import SUFFIXES

_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # not a drive's letter
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


class Source(NamedTuple):
    """A file that holds an entry's weights.

    None of the addresses could be reached from where this table was written: addresses, sizes and
    checksums are as others state them (``stated_by``), and a wrong one shows when it is used.
    """

    filename: str
    addresses: Tuple[str, ...]
    size: Optional[int]
    checksum: Optional[str]
    stated_by: str


class Entry(NamedTuple):
    """A row of the zoo; ``scores`` are those of the paper, on ECSSD."""

    what: str
    sources: Tuple[Source, ...]
    licence: str
    trained_on: str
    preprocess: Mapping[str, Any]
    scores: str = ""


def _rembg(name: str, size: int, md5: str) -> Source:
    return Source(
        f"{name}.onnx", (f"{_REMBG}{name}.onnx",), size, f"md5:{md5}", "rembg; the size: its users"
    )


_OFFICIAL = {"type": "official", "size": [320, 320]}

ZOO: Dict[str, Entry] = {
    "u2net": Entry(
        "U2Net, salient objects",
        (
            Source(
                "u2net.pth",
                (
                    "https://huggingface.co/Carve/u2net-universal/resolve/"
                    "10305d785481cf4b2eee1d447c39cd6e5f43d74b/full_weights.pth",
                    f"{_DRIVE}1ao1ovG1Qtx4b7EoskHXmi2E9rp5CHLcZ",
                ),
                176_290_937,
                "sha256:10025a17f49cd3208afc342b589890e402ee63123d6f2d289a4a0903695cce58",
                "several users of the file",
            ),
            _rembg("u2net", 175_997_641, "60024c5c889badc19c04ad937298a77b"),
        ),
        "Apache-2.0",
        "DUTS-TR",
        _OFFICIAL,
        "maxF_paper .951, MAE .033, wF .910, S .928",
    ),
    "u2netp": Entry(
        "U2NetP, salient objects",
        (
            Source(
                "u2netp.pth",
                (
                    "https://huggingface.co/netradrishti/u2net-saliency/resolve/main/models/"
                    "u2netp.pth",
                    f"{_DRIVE}1rbSTGKAE-MTxBYHd-51l2hMOQPT_7EPy",
                ),
                4_683_258,
                "sha256:e7567cde013fb64813973ce6e1ecc25a80c05c3ca7adbc5a54f3c3d90991b854",
                "several users of the file",
            ),
            _rembg("u2netp", 4_574_861, "8e83ca70e441ab06c318d82300c84806"),
        ),
        "Apache-2.0",
        "DUTS-TR",
        _OFFICIAL,
        "maxF_paper .943, MAE .041, wF .885, S .918",
    ),
    "u2net_human_seg": Entry(
        "U2Net, people",
        (_rembg("u2net_human_seg", 175_997_641, "c09ddc2e0104f800e3e1bb4652583d1f"),),
        "Apache-2.0",
        "Supervisely Person",
        _OFFICIAL,
    ),
    "u2net_portrait": Entry(
        "U2Net, line drawings of faces (the map is 1 - drawing)",
        (
            Source(
                "u2net_portrait.pth",
                (f"{_DRIVE}1IG3HdpcRiDoWNookbncQjeaPN28t90yW",),
                None,
                None,
                "the authors' page; no checksum is known",
            ),
        ),
        "Apache-2.0",
        "APDrawingGAN's portraits",
        {"type": "official", "size": [512, 512]},
    ),
    "u2net_cloth_seg": Entry(
        "U2Net, 4 classes: background, upper body, lower body, full body clothes",
        (_rembg("u2net_cloth_seg", 176_194_565, "2434d1f3cb744e0e49386c906e5a08bb"),),
        "MIT",
        "iMaterialist (Fashion) 2019, FGVC6",
        {"type": "paddleseg", "size": [768, 768], "mean": [0.5] * 3, "std": [0.5] * 3},
    ),
    "silueta": Entry(
        "U2Net made four times smaller by a user of it, salient objects",
        (_rembg("silueta", 44_173_029, "55e59e0d8062d2f5d013f4725ee84782"),),
        "Apache-2.0",
        "as u2net",
        _OFFICIAL,
    ),
}


def home() -> Path:
    """The folder of fetched weights, shared with rembg: ``U2NET_HOME``, else ``~/.u2net``."""
    default = Path(os.environ.get("XDG_DATA_HOME", "~")) / ".u2net"
    return Path(os.environ.get("U2NET_HOME") or default).expanduser()


def locate(source: Union[str, Path]) -> Path:
    """The weights file that ``source`` means.

    A file is itself, a folder its ``model.pdparams``; a name of ``ZOO`` is the first of its files
    that lies in ``home()``, else the first that can be fetched to it. ``U2NET_MIRROR``, an address
    or a folder with files of the names in the table, is asked before the table's addresses. Other
    paths are given back as they are, whether a file is there or not; ``~`` is expanded.

    Raises:
        FileNotFoundError: it is a folder without weights, or a single word that is no name of
            ``ZOO``.
        DownloadError: no address gave the file; the message says where to put it by hand.
        ValueError: it is an address, or the file there is not the published one.
    """
    path = _there(source)
    if path is not None:
        return path
    name = str(source)
    if name in ZOO:
        return _kept(name) or _fetched(name)
    _refuse(name)
    return _expanded(source)


def _expanded(source: Union[str, Path]) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError:  # "~" and the name of no user
        return Path(source)


def _there(source: Union[str, Path]) -> Optional[Path]:
    """The file on this machine that ``source`` names itself, if there is one."""
    path = _expanded(source)
    for file in (path / "model.pdparams", path):
        if file.is_file():
            return file
        # the best model of a run that was killed while it replaced it
        if (aside := set_aside(file.parent)) and (aside / file.name).is_file():
            return aside / file.name
    return None


def _refuse(source: str) -> None:
    """Raise an error if ``source``, where no file is, cannot have been meant as a file's path."""
    if _ADDRESS.match(source):
        raise ValueError(
            f"{source}: expected weights on this machine, got an address; download it first and "
            "name the file"
        )
    if _expanded(source).is_dir():
        raise FileNotFoundError(
            f"{source}: this folder holds no model.pdparams; name a checkpoint's folder such as "
            "output/best_model, or a file of weights"
        )
    if not re.search(r"[./\\~]", source):
        near = difflib.get_close_matches(source.lower(), ZOO, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FileNotFoundError(
            f"{source}: expected a file of weights ({', '.join(SUFFIXES)}), a "
            f"checkpoint's folder, or one of {', '.join(ZOO)}{hint}"
        )


def _kept(name: str) -> Optional[Path]:
    for source in ZOO[name].sources:
        path = home() / source.filename
        if path.is_file():
            if not _is_unchecked():
                _verify(path, source, name)
            return path
    return None


def _verify(path: Path, source: Source, name: str) -> None:
    try:
        verify(path, source.size, _checksum(source))
    except DownloadError as error:
        raise ValueError(
            f"{path}: this is not the published {name} ({error}); move it away to fetch that, name "
            "your own file by its path, or set MODEL_CHECKSUM_DISABLED=1 to take it as it is"
        ) from error


def _checked_home() -> Path:
    """``home()``, made if it is not there."""
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"{folder}: this folder for published weights cannot be made ({error}); name another "
            "one in the environment variable U2NET_HOME"
        ) from error
    return folder


def _fetched(name: str) -> Path:
    problems: List[str] = []
    for source, addresses in _places(name):
        if source.filename.endswith(".onnx") and importlib.util.find_spec("onnx") is None:
            problems.append(f"{source.filename}: reading it needs onnx; pip install onnx")
            continue
        folder = _checked_home()
        try:
            return fetch(
                addresses,
                folder / source.filename,
                None if _is_unchecked() else source.size,
                None if _is_unchecked() else _checksum(source),
                check=refuse_disguised,
            )
        except DownloadError as error:
            problems.append(str(error))
    names = " or ".join(source.filename for source in ZOO[name].sources)
    other = "" if _is_unchecked() else " MODEL_CHECKSUM_DISABLED=1 takes another file, too."
    raise DownloadError(
        f"{name} could not be fetched. Without internet: put {names} into {home()}, name the file "
        "itself, or set U2NET_MIRROR to a folder that has it (docs/weights.md)."
        f"{other} What was tried:\n" + "\n".join(problems)
    )


def _is_unchecked() -> bool:
    return bool(os.environ.get("MODEL_CHECKSUM_DISABLED"))


def _places(name: str) -> List[Tuple[Source, Sequence[str]]]:
    """The files of a row and where each is asked for, all in the mirror first."""
    mirrored = [(source, _mirror(source)) for source in ZOO[name].sources]
    known = [(source, source.addresses) for source in ZOO[name].sources]
    return [place for place in [*mirrored, *known] if place[1]]


def _mirror(source: Source) -> List[str]:
    mirror = os.environ.get("U2NET_MIRROR")
    if not mirror:
        return []
    if "://" in mirror:
        return [f"{mirror.rstrip('/')}/{source.filename}"]
    return [str(Path(mirror).expanduser() / source.filename)]


def _checksum(source: Source) -> Optional[Checksum]:
    return Checksum.parse(source.checksum) if source.checksum else None
