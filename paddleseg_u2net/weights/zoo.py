"""The published weights by name: where they come from, and where they are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from paddleseg_u2net.io.download import DownloadError, fetch, mirrored, verify
from paddleseg_u2net.io.yaml_text import read_yaml_file
from paddleseg_u2net.text import did_you_mean
from paddleseg_u2net.weights.file_type import SUFFIXES, check_file


class Source(NamedTuple):
    """A file that holds an entry's weights."""

    filename: str
    addresses: Tuple[str, ...]
    size: Optional[int] = None
    checksum: Optional[str] = None
    stated_by: str = ""


class Entry(NamedTuple):
    """A row of the zoo; ``scores`` are those of the paper, on ECSSD."""

    what: str
    sources: Tuple[Source, ...]
    licence: str
    trained_on: str
    preprocess: Mapping[str, Any]
    scores: str = ""


def _entry(row: Dict[str, Any]) -> Entry:
    sources = [
        Source(**{**source, "addresses": tuple(source["addresses"])}) for source in row["sources"]
    ]
    return Entry(**{**row, "sources": tuple(sources)})


ZOO: Dict[str, Entry] = {
    name: _entry(row) for name, row in read_yaml_file(Path(__file__).with_name("zoo.yaml")).items()
}
"""The published weights by name: the rows of ``zoo.yaml``."""


def home() -> Path:
    """The folder of fetched weights, shared with rembg: ``U2NET_HOME``, else ``~/.u2net``."""
    default = Path(os.environ.get("XDG_DATA_HOME", "~")) / ".u2net"
    return Path(os.environ.get("U2NET_HOME") or default).expanduser()


def rembgs(name: str) -> Path:
    """The folder in which rembg, as of 2.0.86, keeps a model; earlier it was ``home()``."""
    data = os.environ.get("XDG_DATA_HOME")
    usual = os.environ.get("REMBG_HOME") or (Path(data) / "rembg" if data else "~/.rembg")
    return Path(os.environ.get("U2NET_HOME") or usual).expanduser() / "models" / name


def locate(source: Union[str, Path]) -> Path:
    """The weights file that ``source`` means.

    A file is itself, a folder its ``model.pdparams``; a name of ``ZOO`` is the first of its files
    that lies in ``home()`` or ``rembgs(name)``, else the first that can be fetched to the former.
    ``U2NET_MIRROR``, an address or a folder with files of the names in the table, is asked before
    the table's addresses. Other paths are given back as they are, whether a file is there or not;
    ``~`` is expanded.

    Raises:
        FileNotFoundError: it is a folder without weights, or a single word that is no name of
            ``ZOO``.
        DownloadError: no address gave the file; the message says where to put it by hand.
        ValueError: the file there is not the published one.
    """
    name, path = str(source), Path(os.path.expanduser(source))  # noqa: PTH111 (raises for no user)
    for file in (path / "model.pdparams", path):
        if file.is_file():
            return file
    if name in ZOO:
        return _kept(name) or _fetched(name)
    if path.is_dir():
        raise FileNotFoundError(
            f"{source}: this folder holds no model.pdparams; name a checkpoint's folder such as "
            "output/best_model, or a file of weights"
        )
    if not re.search(r"[./\\~]", name):
        raise FileNotFoundError(
            f"{source}: expected a file of weights ({', '.join(SUFFIXES)}), a "
            f"checkpoint's folder, or one of {', '.join(ZOO)}{did_you_mean(name, ZOO)}"
        )
    return path


def _kept(name: str) -> Optional[Path]:
    """The file of a row that is there already, checked."""
    for source in ZOO[name].sources:
        for path in (home() / source.filename, rembgs(name) / source.filename):
            if not path.is_file():
                continue
            try:
                verify(path, *_expected(source))
            except ValueError as error:
                raise ValueError(
                    f"{path}: this is not the published {name} ({error}); move it away to fetch "
                    "that, name your own file by its path, or set MODEL_CHECKSUM_DISABLED=1 to "
                    "take it as it is"
                ) from error
            return path
    return None


def _fetched(name: str) -> Path:
    mirror = os.environ.get("U2NET_MIRROR")
    sources, problems = ZOO[name].sources, []
    places = [(source, tuple(mirrored(mirror, source.filename))) for source in sources if mirror]
    places += [(source, source.addresses) for source in sources]
    for source, addresses in places:
        try:
            path = home() / source.filename
            return fetch(addresses, path, *_expected(source), check=check_file)
        except DownloadError as error:
            problems.append(str(error))
    names = " or ".join(source.filename for source in sources)
    raise DownloadError(
        f"{name} could not be fetched. Without internet: put {names} into {home()}, name the file "
        "itself, or set U2NET_MIRROR to a folder that has it (docs/weights.md). "
        "MODEL_CHECKSUM_DISABLED=1 takes another file, too. What was tried:\n" + "\n".join(problems)
    )


def _expected(source: Source) -> Tuple[Optional[int], Optional[str]]:
    """Size and checksum, as far as they are known and wanted."""
    if os.environ.get("MODEL_CHECKSUM_DISABLED"):
        return None, None
    return source.size, source.checksum
