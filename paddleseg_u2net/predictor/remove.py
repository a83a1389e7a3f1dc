"""The library call for pictures without their background; rembg's arguments are understood."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, List, Optional, Sequence, Union

import numpy as np
from PIL import Image

from paddleseg_u2net.inference.backends import AUTO
from paddleseg_u2net.io.files import write_bytes
from paddleseg_u2net.io.images import memory_named, png_bytes
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.predictor import Picture, Predictor, as_image
from paddleseg_u2net.removal import options_of, rembg_words
from paddleseg_u2net.removal.words import check_words

MODEL = "u2netp"
"""What pictures are given to that come without a session."""

_lock = threading.Lock()
_usual: List[Predictor] = []


def remove(
    data: Picture,
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = 240,
    alpha_matting_background_threshold: int = 10,
    alpha_matting_erode_size: int = 10,
    session: Optional[Predictor] = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    decontaminate: bool = False,
    vitmatte: bool = False,
    vitmatte_model: Optional[str] = None,
    bgcolor: Optional[Sequence[int]] = None,
    force_return_bytes: bool = False,
    *,
    output: Union[str, os.PathLike[str], None] = None,
    **options: Any,
) -> Any:
    """Take the background out of a picture.

    >>> from paddleseg_u2net import remove
    >>> cutout = remove(Image.open("photograph.jpg"))
    >>> remove("photograph.jpg", background="white", crop="5%")  # photograph.cutout.png

    All arguments but the last two are those of rembg 2.0.86, in its order, so that its calls can
    stay as they are. docs/background_removal.md tells where results differ on purpose.

    Args:
        data: see `Picture`. Arrays are RGB, not OpenCV's BGR.
        session: what `new_session` gives, or a `Predictor`; None: one of `MODEL`, made once.
        only_mask: the opacity alone, as ``only="mask"``.
        post_process_mask: hard edges, as ``hard=True``.
        decontaminate: edges have the foreground's own colours in any case.
        vitmatte, vitmatte_model: refused, there is no such network here.
        bgcolor: as ``background``: red, green, blue and perhaps opacity, 0 to 255.
        force_return_bytes: the content of a PNG file, whatever ``data`` is.
        output: the file to write for a path; None: ``NAME.cutout.png`` beside it.
        options: as `removal.options_of` takes them: ``only``, ``background``, ``crop``,
            ``square``, ``size``, ``clean``, ``presence``, ``hard``.

    Returns:
        What ``data`` is: a file's content of a file's content (a PNG file), a Pillow picture of a
        Pillow picture (mode RGBA, or L of a mask), a uint8 array of an array, (H, W, 4), RGBA, or
        (H, W) of a mask, and of a path the path of the file that was written.

    Raises:
        ImageError, BackendError, NothingFound: see `Predictor.cutout`; each a ValueError.
        ValueError: there is no such option, or two contradict each other.
        TypeError: there is no such argument.
        OSError: the file cannot be written.
    """
    check_words(options, "remove")
    asked = rembg_words(only_mask, post_process_mask, bgcolor, vitmatte, vitmatte_model)
    for name in asked.keys() & options.keys():
        raise ValueError(f"{name}: it is said twice, by an argument of rembg's too; leave one out")
    made = options_of(**{**asked, **options})
    path = os.fspath(data) if isinstance(data, (str, os.PathLike)) else None
    if output is not None and (path is None or force_return_bytes):
        raise ValueError("output: it has an effect on paths only; write what is returned")
    with memory_named(path or "picture"):
        found = _session(session).remover(as_image(data, 4), made)
    for note in found.notes:
        logger.warning(f"{path or 'picture'}: {note}")
    picture = _with_opacity(found.picture)
    if isinstance(data, np.ndarray) and not force_return_bytes:
        return picture
    if isinstance(data, Image.Image) and not force_return_bytes:
        return Image.fromarray(picture)
    content = png_bytes(picture)
    if force_return_bytes:
        return content
    if isinstance(data, (bytes, bytearray, memoryview)):
        return type(data)(content)
    assert path is not None  # `as_image` takes nothing else
    target = _target(path, output)
    write_bytes(target, content)
    return str(target) if isinstance(data, str) else target


def new_session(
    model: Union[str, os.PathLike[str]] = MODEL,
    backend: str = AUTO,
    device: str = AUTO,
    threads: Optional[int] = None,
) -> Predictor:
    """Load a model for `remove`, once for many pictures; threads may share it.

    >>> session = new_session("u2net_human_seg")
    >>> cutouts = [remove(path, session=session) for path in paths]

    Args:
        model, backend, device, threads: see `Predictor`.

    Raises:
        ValueError: see `Predictor`.
    """
    return Predictor(model, backend, device, threads)


def _session(given: Optional[Predictor]) -> Predictor:
    """The session that was given, or the usual one, which is made once."""
    if given is None:
        with _lock:
            if not _usual:
                _usual.append(new_session())
            return _usual[0]
    if not isinstance(given, Predictor):
        raise ValueError(
            f"session: expected one of paddleseg_u2net.new_session, or a Predictor, got a "
            f"{type(given).__module__}.{type(given).__name__}"
        )
    return given


def _target(path: str, output: Union[str, os.PathLike[str], None]) -> Path:
    """Where the picture of a path goes; never to the path itself."""
    image = Path(path)
    target = image.with_name(f"{image.stem}.cutout.png") if output is None else Path(output)
    if target.exists() and target.samefile(image):
        raise ValueError(f"output: {target} is the picture itself; name another file")
    return target


def _with_opacity(picture: np.ndarray) -> np.ndarray:
    """A finished picture as RGBA, whatever is behind it; a mask as it is."""
    if picture.ndim == 2 or picture.shape[2] == 4:
        return picture
    opaque = np.full((*picture.shape[:2], 1), np.iinfo(picture.dtype).max, picture.dtype)
    return np.concatenate([picture, opaque], axis=2)
