"""Programs that unpack RAR, which is a closed format: they print all files one after the other."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, NamedTuple, Optional, Sequence, Tuple, cast

from paddleseg_u2net.io.archives.source import ArchiveError

_INSTALL = (
    "install one of unrar (of RARLAB), unar, 7-Zip with RAR, or bsdtar "
    "(apt-get install unar; brew install unar; https://www.7-zip.org on Windows)"
)


class _Tool(NamedTuple):
    """``question`` is answered with a text that has ``mark`` by a program that can do it."""

    program: str
    question: Sequence[str]
    mark: str
    prints: Sequence[str]  # before the name of the archive
    open: Sequence[str]  # further, without a password
    locked: Optional[Sequence[str]]  # further, with one, which stands for {}; None: cannot


# In the order of what they can read. A program named unrar may be the free one, which cannot print.
_TOOLS = (
    _Tool("unrar", (), "Roshal", ("p", "-inul"), ("-p-", "--"), ("-p{}", "--")),
    _Tool(
        "unar",
        ("-version",),
        "v1",
        ("-quiet", "-output-directory", "-"),
        ("-password", "", "--"),
        ("-password", "{}", "--"),
    ),
    _Tool("7zz", ("i",), "Rar5\n", ("e", "-so", "-bd"), ("-p", "--"), ("-p{}", "--")),
    _Tool("7z", ("i",), "Rar5\n", ("e", "-so", "-bd"), ("-p", "--"), ("-p{}", "--")),
    _Tool("bsdtar", ("--version",), "libarchive", ("-x", "--to-stdout", "-f"), (), None),
)


@contextmanager
def printed(archive: Path, alone: bool, password: Optional[str]) -> Iterator[BinaryIO]:
    """The content of all files in a RAR archive, one after the other in its order.

    The program writes no file itself. It is ended on leaving.

    Args:
        archive: Its first volume.
        alone: It has one volume.
        password: For encrypted archives; other users may see it in the list of processes.

    Raises:
        ArchiveError: no program is installed that can do it; the message names some.
    """
    program, tool = _find(archive, password)
    options = tool.open if password is None else tool.locked or ()
    with _called(archive.absolute(), alone) as name:
        command = [program, *tool.prints, *(part.format(password) for part in options), str(name)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield cast(BinaryIO, process.stdout)
        finally:
            process.kill()
            cast(BinaryIO, process.stdout).close()
            process.wait()


@contextmanager
def _called(archive: Path, alone: bool) -> Iterator[Path]:
    """The archive under a name of its own: unar takes ``part1.rar`` and ``part2.rar`` for one."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "archive.rar")
        with suppress(OSError):  # Windows may forbid links
            if alone:
                link.symlink_to(archive)
        yield link if link.is_symlink() else archive


def _find(archive: Path, password: Optional[str]) -> Tuple[str, _Tool]:
    for tool in _TOOLS:
        program = shutil.which(tool.program)
        usable = program and (password is None or tool.locked)
        if program and usable and _answers(tool, program):
            return program, tool
    more = " that reads encrypted archives" if password is not None else ""
    raise ArchiveError(f"{archive}: no program{more} was found to unpack RAR: {_INSTALL}")


def _answers(tool: _Tool, program: str) -> bool:
    try:
        answer = subprocess.run(
            [program, *tool.question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tool.mark in answer.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
