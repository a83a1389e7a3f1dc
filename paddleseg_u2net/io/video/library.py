"""PyAV, found or asked for, and what its build can do."""

from __future__ import annotations

from typing import Any

INSTALL = "pip install 'paddleseg_u2net[video]'"


def library() -> Any:
    """PyAV, imported when it is needed; FFmpeg's own lines are not printed."""
    try:
        import av
        import av.filter
        import av.logging
    except ImportError as error:
        raise ModuleNotFoundError(
            f"videos are read and written by PyAV, which is not installed: {INSTALL}", name="av"
        ) from error
    return av


def has_codec(name: str, mode: str) -> bool:
    """Whether this build decodes (``r``) or encodes (``w``) by the codec `name`."""
    av = library()
    try:
        av.Codec(name, mode)
    except (ValueError, av.FFmpegError):
        return False
    return True


def has_filter(name: str) -> bool:
    """Whether this build has a filter."""
    return name in library().filter.filters_available
