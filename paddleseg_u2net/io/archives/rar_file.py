"""RAR archives, with the package ``rarfile``.

Stored files are read without any program. All others come from one that ``rarfile`` finds (unrar,
unar, 7-Zip or bsdtar): it prints them all, as the package would start it anew for each file.
"""

from __future__ import annotations

import importlib
import subprocess
import zlib
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Generator, Iterator, List, Optional

from paddleseg_u2net.io.archives.names import readable, shown
from paddleseg_u2net.io.archives.source import BLOCK, FETCH, ArchiveError, Member, blocks, reading

# By the format: a name in UTF-16 (RAR 4), a checksum that depends on the password (RAR 5), an
# archive that marks its end (since RAR 3).
_UNICODE_NAME = 0x200
_KEYED_CHECKSUM = 0x2
_MARKS_END = 29


def rar_members(archive: Path, password: Optional[str]) -> Generator[Member, None, None]:
    """All entries of a RAR archive, or of its volumes, of which the first is given."""
    try:
        package = importlib.import_module("rarfile")
    except ImportError as error:
        raise ArchiveError(
            f"{archive}: RAR archives are read with the package rarfile: pip install rarfile; most "
            "also need a program such as unrar or unar"
        ) from error
    with reading(archive):
        file = _opened(archive, package, password)
    hint = f"the password is wrong, or {FETCH}" if file.needs_password() else FETCH
    infos = file.infolist()
    if all(_is_stored(info, package) for info in infos if info.is_file()):
        for info in infos:
            yield _member(info, _stored(archive, file, info, hint))
        return
    process = _started(archive, package, password)
    try:
        for info in infos:
            printed = _printed(archive, process, info, hint)
            yield _member(info, printed)
            for _ in printed:  # of what is left out
                pass
    finally:
        process.kill()
        process.communicate()


def _opened(archive: Path, package: Any, password: Optional[str]) -> Any:
    seen: List[Any] = []
    file = package.RarFile(str(archive), errors="strict", info_callback=seen.append)
    if file.needs_password():
        if password is None:
            raise ArchiveError(
                f"{archive}: is encrypted: give the password (--password), which the publisher "
                "of the data set names"
            )
        file.setpassword(password)
    infos = file.infolist()
    newest = max((info.extract_version or 0 for info in infos), default=0)
    if newest >= _MARKS_END and seen[-1].type != package.RAR_BLOCK_ENDARC:
        raise ArchiveError(f"{archive}: its end is missing; {FETCH}")
    for info in infos:
        if file.getinfo(info) is not info:  # it opens entries by name
            raise ArchiveError(
                f"{archive}: the entry {_shown(info)} stands there twice; unpack it yourself, keep "
                "the right one, and give the folder"
            )
    return file


def _stored(archive: Path, file: Any, info: Any, hint: str) -> Iterator[bytes]:
    with reading(archive, _shown(info), hint), file.open(info) as entry:
        yield from blocks(entry.read)


def _started(archive: Path, package: Any, password: Optional[str]) -> subprocess.Popen:
    try:
        tool = package.tool_setup(bsdtar=password is None, force=True)
    except package.RarCannotExec as error:
        raise ArchiveError(
            f"{archive}: no program was found to unpack RAR: install one of unrar (of RARLAB), "
            "unar, 7-Zip with RAR, or bsdtar (apt-get install unar; brew install unar)"
        ) from error
    return subprocess.Popen(
        tool.open_cmdline(password, str(archive.absolute())),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _printed(archive: Path, process: subprocess.Popen, info: Any, hint: str) -> Iterator[bytes]:
    """The part of a file in what the program prints of all of them."""
    assert process.stdout is not None
    stream: BinaryIO = process.stdout  # type: ignore[assignment]
    left, checksum = info.file_size if info.is_file() else 0, 0
    while left:
        block = stream.read(min(left, BLOCK))
        if not block:
            break
        checksum = zlib.crc32(block, checksum)
        left -= len(block)
        yield block
    if left or (info.is_file() and _has_checksum(info) and checksum != info.CRC):
        raise ArchiveError(
            f"{archive}: {_shown(info)} ends early or has another checksum; {hint}; or the program "
            "that unpacks it failed: install unrar of RARLAB, which is taken first"
        )


def _is_stored(info: Any, package: Any) -> bool:
    return info.compress_type == package.RAR_M0 and not info.needs_password()


def _has_checksum(info: Any) -> bool:
    encryption = getattr(info, "file_encryption", None)
    keyed = encryption is not None and encryption[1] & _KEYED_CHECKSUM
    return info.CRC is not None and not (keyed and info.needs_password())


def _member(info: Any, chunks: Iterator[bytes]) -> Member:
    size = info.file_size if info.is_file() else 0
    return Member(_name(info), size, _what(info), partial(iter, chunks))


def _name(info: Any) -> bytes:
    if info.flags & _UNICODE_NAME or not isinstance(info.orig_filename, bytes):
        return info.filename.encode("utf-8", "replace")
    return info.orig_filename


def _what(info: Any) -> str:
    if info.is_symlink():
        return "a symbolic link"
    if info.file_redir:
        return "a link"
    return "folder" if info.is_dir() else "file"


def _shown(info: Any) -> str:
    return shown(readable(_name(info)))
