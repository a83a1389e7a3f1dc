"""Names in archives: made readable, and refused where they would lead out of the target."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePosixPath

from paddleseg_u2net.io.archives.source import ArchiveError

# What macOS and Windows put beside the files; lower case.
_LITTER = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini"}
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
_WINDOWS_SIGNS = set('<>:"|?*')
_HAND = "it was made by mistake or to do harm; do not unpack it"


def readable(name: bytes) -> str:
    """The text of a name, read folder by folder; a backslash separates like a slash.

    What is not UTF-8 is read as code page 437, which the zip standard sets: every byte has a
    printable character there, so no two names become one, and an image and its mask whose names
    are in GBK or Shift-JIS come out strange but alike, in every format.
    """
    return "/".join(_part(part) for part in name.replace(b"\\", b"/").split(b"/"))


def safe_path(archive: Path, name: bytes, windows: bool = os.name == "nt") -> PurePosixPath:
    """Where an entry goes below the target; ``.`` for the target itself.

    ``windows``: also refuse what Windows reads as something else; elsewhere these are common names.
    """
    text = readable(name)
    if not text:
        raise ArchiveError(f"{archive}: an entry has no name; {_HAND}")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    reason = ""
    if text.startswith("/") or _DRIVE.match(text):
        reason = f"has an absolute name; {_HAND}"
    elif ".." in parts:
        reason = f"leads out of the archive's own folder; {_HAND}"
    elif any(unicodedata.category(sign) == "Cc" for sign in text):
        reason = f"has a control character in its name; {_HAND}"
    elif windows and any(map(_is_refused_by_windows, parts)):
        reason = "has a name that Windows does not allow: unpack it on another system"
    if reason:
        raise ArchiveError(f"{archive}: the entry {shown(text)} {reason}")
    return PurePosixPath(*parts)


def litter(path: PurePosixPath) -> bool:
    """Whether an entry is only what macOS or Windows keeps for itself."""
    return any(part.lower() in _LITTER or part.startswith("._") for part in path.parts)


def shown(text: str) -> str:
    """A name for an error message, on one line and not endless."""
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _part(part: bytes) -> str:
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        return part.decode("cp437")


def _is_refused_by_windows(part: str) -> bool:
    """Device names (``aux.png``), dots or spaces at the end, some signs."""
    return part[-1] in ". " or bool(_DEVICES.match(part) or _WINDOWS_SIGNS & set(part))
