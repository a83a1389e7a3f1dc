"""The library call for pictures without their background; rembg's arguments are understood."""

from __future__ import annotations

import threading
from typing import Any, List, Optional, Sequence, Tuple, Union

import numpy as np

from paddleseg_u2net.inference.backends import AUTO
from paddleseg_u2net.io.images import PathLike, memory_named
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.given import Given, Settings
from paddleseg_u2net.predictor.predictor import Picture, Predictor
from paddleseg_u2net.removal import options_of, rembg_words
from paddleseg_u2net.removal.words import check_words

MODEL = "u2netp"
"""What pictures are given to that come without a session."""

# rembg's own thresholds and size for its band.
_BAND = (240, 10, 10)
_NO_EFFECT = (
    "the thresholds and the erode size of alpha_matting have no effect: matting='band' finds its "
    "band by itself"
)
# rembg's name for a file of one's own, and ONNX Runtime's for what computes.
_CUSTOM = "u2net_custom"
_DEVICES = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "gpu"}

_lock = threading.Lock()
_usual: List[Predictor] = []


def remove(
    data: Picture,
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = _BAND[0],
    alpha_matting_background_threshold: int = _BAND[1],
    alpha_matting_erode_size: int = _BAND[2],
    session: Optional[Predictor] = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    decontaminate: bool = False,
    vitmatte: bool = False,
    vitmatte_model: Optional[str] = None,
    bgcolor: Optional[Sequence[int]] = None,
    force_return_bytes: bool = False,
    *,
    output: Optional[PathLike] = None,
    format: Optional[str] = None,
    quality: Union[int, str, None] = None,
    keep_exif: bool = False,
    **options: Any,
) -> Any:
    """Take the background out of a picture.

    >>> from paddleseg_u2net import remove
    >>> cutout = remove(Image.open("photograph.jpg"))
    >>> remove("photograph.jpg", background="white", crop="5%")  # photograph.cutout.png

    Arguments up to ``force_return_bytes`` are those of rembg 2.0.86, in its order, so that its
    calls can stay as they are. docs/background_removal.md tells where results differ on purpose.

    Args:
        data: see `Picture`. Arrays are RGB, not OpenCV's BGR.
        alpha_matting: the opacity of edges is solved anew, as ``matting="band"``, which chooses its
            band by itself: its thresholds and its size have no effect.
        session: what `new_session` gives, or a `Predictor`; None: one of `MODEL`, made once.
        only_mask: the opacity alone, as ``only="mask"``.
        post_process_mask: hard edges, as ``hard=True``.
        decontaminate: edges have the foreground's own colours in any case.
        vitmatte, vitmatte_model: refused, there is no such network here.
        bgcolor: as ``background``: red, green, blue and perhaps opacity, 0 to 255.
        force_return_bytes: the content of a file, whatever ``data`` is.
        output: the file to write for a path; None: ``NAME.cutout.png`` beside it.
        format, quality, keep_exif: of files and their content, see `removal.Encoding`; usually
            what the suffix of ``output`` says, or PNG.
        options: as `removal.options_of` takes them: ``only``, ``background``, ``crop``,
            ``square``, ``size``, ``clean``, ``solid``, ``matting``, ``presence``, ``hard``.

    Returns:
        What ``data`` is: a file's content of a file's content, a Pillow picture of a Pillow picture
        (mode RGBA, or L of a mask), a uint8 array of an array, (H, W, 4), RGBA, or (H, W) of a
        mask, and of a path the path of the file that was written. Files keep colour profile,
        resolution and 16 bits, Pillow pictures their profile.

    Raises:
        ImageError, BackendError, NothingFound: see `Predictor.cutout`; each a ValueError.
        ValueError: there is no such option, or two contradict each other.
        TypeError: there is no such argument.
        OSError: the file cannot be written.
    """
    check_words(options, "remove")
    asked = rembg_words(
        only_mask, post_process_mask, bgcolor, vitmatte, vitmatte_model, alpha_matting
    )
    for name in asked.keys() & options.keys():
        if asked[name] != options[name]:
            raise ValueError(f"{name}: it is said twice, by an argument of rembg's too")
    made = options_of(**{**asked, **options})
    given = Given(data, force_return_bytes, output, Settings(format, quality, keep_exif))
    with memory_named(given.name):
        original = given.read()
        found = _session(session).remover(original.picture, made, original.metadata.profile)
    picture = found.picture
    if given.encoding is None or bgcolor is not None:
        picture = _with_opacity(picture)
    notes = [*original.notes, *found.notes, *given.lacks(picture)]
    band = (
        alpha_matting_foreground_threshold,
        alpha_matting_background_threshold,
        alpha_matting_erode_size,
    )
    if alpha_matting and band != _BAND:
        notes.append(_NO_EFFECT)
    for note in notes:
        logger.warning(f"{given.name}: {note}")
    return given.back(picture, original.metadata)


def new_session(
    model_name: PathLike = MODEL,
    backend: str = AUTO,
    device: str = AUTO,
    threads: Optional[int] = None,
    *,
    model_path: Optional[PathLike] = None,
    providers: Optional[Sequence[Any]] = None,
    sess_opts: Any = None,
) -> Predictor:
    """Load a model for `remove`, once for many pictures; threads may share it.

    >>> session = new_session("u2net_human_seg")
    >>> cutouts = [remove(path, session=session) for path in paths]

    Args:
        model_name: a name, a file of weights or a folder, the ``model`` of a `Predictor`.
        backend, device, threads: see `Predictor`.
        model_path: as rembg has it for ``u2net_custom``, a file of weights.
        providers: as rembg has them: the first says which device it is, the CPU or CUDA's.
        sess_opts: as rembg has them: ``intra_op_num_threads`` counts.

    Raises:
        ValueError: see `Predictor`.
    """
    if model_path is not None and model_name != _CUSTOM:
        raise ValueError(f"model_path: it is for {_CUSTOM} only; name the file itself")
    if providers:
        backend, device = _by_providers(providers, backend, device)
    if threads is None and sess_opts is not None:
        threads = sess_opts.intra_op_num_threads or None
    return Predictor(model_name if model_path is None else model_path, backend, device, threads)


def _by_providers(providers: Sequence[Any], backend: str, device: str) -> Tuple[str, str]:
    """The backend and the device that ONNX Runtime's names of providers mean."""
    first = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if first not in _DEVICES:
        raise ValueError(
            f"providers: expected {' or '.join(_DEVICES)} first, got {first}; `backend` names "
            "other engines"
        )
    if backend not in (AUTO, "onnxruntime") or device not in (AUTO, _DEVICES[first]):
        raise ValueError(f"providers: {first} contradicts backend={backend!r}, device={device!r}")
    return "onnxruntime", _DEVICES[first]


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


def _with_opacity(picture: np.ndarray) -> np.ndarray:
    """A finished picture as RGBA, whatever is behind it; a mask as it is."""
    if picture.ndim == 2 or picture.shape[2] == 4:
        return picture
    opaque = np.full((*picture.shape[:2], 1), np.iinfo(picture.dtype).max, picture.dtype)
    return np.concatenate([picture, opaque], axis=2)
