"""The library call: pictures of any kind in, float maps out."""

from __future__ import annotations

import os
from contextlib import closing
from numbers import Integral
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np
from PIL import Image

from paddleseg_u2net.inference import Augment, Window
from paddleseg_u2net.inference.backends import AUTO
from paddleseg_u2net.io.images import (
    Header,
    ImageError,
    Metadata,
    Original,
    PathLike,
    convert_image,
    convert_original,
    decode_image,
    decode_original,
    eight_bit,
    memory_named,
    read_image,
    read_original,
)
from paddleseg_u2net.io.video import Frame, Size, Video, open_video
from paddleseg_u2net.io.video.types import Seconds
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Removed, Remover, options_of
from paddleseg_u2net.removal.words import check_words
from paddleseg_u2net.video.mattes import mattes
from paddleseg_u2net.video.settings import Settings

Picture = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Image.Image, np.ndarray]
"""What `Predictor` takes for a picture: the path of a file, the content of one, a Pillow picture,
or a uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), in the order RGB, not OpenCV's BGR."""

_ARRAY = "a uint8 array (H, W), (H, W, 3) or (H, W, 4) in the order RGB"


class Predictor:
    """A model that turns pictures into maps.

    >>> from paddleseg_u2net import Predictor
    >>> mask = Predictor("u2netp")("photograph.jpg")  # float32 (H, W) in [0, 1]

    Loading takes far longer than a picture: make one and keep it. Threads may share it; a
    picture's map does not depend on what else is predicted.

    Args:
        model: a name of published weights (``u2net``, ``u2netp``, ``u2net_human_seg``, ...), a file
            of weights (``.pdparams``, ``.pth``, ``.safetensors``, ``.onnx``), a checkpoint's folder
            such as ``output/best_model``, or a folder that ``tools/export.py`` wrote. None of
            these needs Paddle or PaddleSeg.
        backend: what runs the network: ``paddle``, ``paddle-inference``, ``onnxruntime``,
            ``openvino`` or ``ncnn``; ``auto`` takes the fastest that is installed and fits, and
            never another than one that was named. See the attribute ``backend``.
        device: ``cpu``, ``gpu``, ...; ``auto`` takes a GPU if Paddle's build for it finds one,
            ``gpu`` also one of ONNX Runtime's.
        threads: of the network on a CPU; None: all cores that this process may use.
        upsampling: how maps come to the picture's size: ``bilinear``, or ``guided``, along the
            picture's edges.
        augment: averaging over flips and scales, an `inference.Augment`; None: as the model's
            configuration says, if it has one.
        window: sliding windows at the picture's own size, an `inference.Window`; None as above.

    Attributes:
        backend: the name of what runs the network.
        source: the file or folder that the model came from, a ``Path``.
        remover: takes backgrounds out of arrays with this model, a `removal.Remover`.

    Raises:
        ValueError: there is no such model, it is damaged, or it cannot be used as asked; the
            message says what to do. All errors of this project are a ValueError or an OSError.
    """

    def __init__(
        self,
        model: Union[str, os.PathLike[str]] = "u2netp",
        backend: str = AUTO,
        device: str = AUTO,
        threads: Optional[int] = None,
        upsampling: str = "bilinear",
        augment: Optional[Augment] = None,
        window: Optional[Window] = None,
    ) -> None:
        if threads is not None and (not isinstance(threads, Integral) or threads < 1):
            raise ValueError(f"threads: expected a whole number of 1 or more, got {threads!r}")
        loaded = load_model(
            os.fspath(model),
            backend=backend,
            device=device,
            threads=threads if threads is None else int(threads),
            augment=augment,
            window=window,
            upsampling=upsampling,
        )
        logger.info(str(loaded))
        self._pipeline, self._channels = loaded.pipeline, loaded.in_channels
        self.backend, self.source = loaded.choice.backend, loaded.source
        self.remover = Remover(loaded.pipeline, loaded.in_channels)

    def __call__(self, picture: Picture) -> np.ndarray:
        """Predict one picture.

        Args:
            picture: see `Picture`. The orientation tag of a file, of its bytes and of a Pillow
                picture is applied. Transparency is dropped for models of three channels.

        Returns:
            A float32 array at the picture's size (as it is seen, upright), of values in [0, 1]:
            (H, W), the foreground's probability, of a model of one class; (K, H, W), which sum to
            1 at each pixel, of one of K classes. Where the model's preprocessing stretches maps
            (``official``, as of published weights, and ``zoo``), each goes from 0 to 1 before it
            is brought to the picture's size, and is no probability any more.

        Raises:
            ImageError: it is no such picture, or damaged; a ValueError.
            BackendError: the network stops, say for want of memory; a ValueError.
        """
        return self._predicted(picture, "picture")

    def cutout(
        self, picture: Picture, options: Optional[Options] = None, **words: Any
    ) -> np.ndarray:
        """The foreground of one picture, without its background.

        >>> Image.fromarray(Predictor("u2netp").cutout("photograph.jpg")).save("cutout.png")
        >>> white = predictor.cutout("photograph.jpg", background="white", crop="5%")

        Args:
            picture: see `Picture`.
            options: a `removal.Options`, or None: of ``words``.
            words: as `removal.options_of` takes them: ``only``, ``background``, ``crop``, ...

        Returns:
            A uint8 array (H, W, 4), RGBA, upright; (H, W, 3) on an opaque background, (H, W) of a
            mask. Without options its opacity is the map, of K classes 1 - that of class 0, and no
            more than the picture's own. See `render.cutout` for its colours. They are meant as the
            picture's colour profile says, which the array cannot tell: use `remove` for files.

        Raises:
            ImageError, BackendError: as ``__call__``.
            NothingFound: it is to be cropped, and there is no object.
            ValueError: there is no such option.
        """
        return self.remove(picture, options, **words).picture

    def remove(self, picture: Picture, options: Optional[Options] = None, **words: Any) -> Removed:
        """As ``cutout``, and what was found: the object's box and area, how sure it is, notes."""
        check_words(words, "Predictor")
        if options is not None and words:
            raise TypeError(f"expected options, or {', '.join(words)}, got both")
        with memory_named(_name_of(picture, "picture")):
            original = original_of(picture)
            seen = original.picture
            if seen.dtype == np.uint16:
                seen = eight_bit(seen)
            profile = original.metadata.profile
            found = self.remover(seen, options or options_of(**words), profile)
        return found._replace(notes=(*original.notes, *found.notes))

    def batch(self, pictures: Iterable[Picture]) -> List[np.ndarray]:
        """Predict several pictures, whose sizes and kinds may differ.

        Each takes 4 bytes a pixel and class as long as the list is kept; see ``stream`` for many.

        Returns:
            A map for each, in their order, as ``__call__`` gives it.

        Raises:
            ImageError, BackendError: as ``__call__``; the message says which picture it was.
        """
        return list(self.stream(pictures))

    def stream(self, pictures: Iterable[Picture]) -> Iterator[np.ndarray]:
        """As ``batch``, one map after the other; ``pictures`` is read as the maps are taken."""
        if isinstance(pictures, (str, bytes, bytearray, memoryview, os.PathLike, Image.Image)):
            raise TypeError(
                f"expected several pictures, got one ({type(pictures).__name__}); call the "
                "predictor itself with it, or put it into a list"
            )
        for number, picture in enumerate(pictures):
            yield self._predicted(picture, f"picture {number} of the batch")

    def video(
        self,
        source: PathLike,
        start: Seconds = 0,
        duration: Optional[Seconds] = None,
        rate: Optional[Seconds] = None,
        size: Optional[Size] = None,
        **settings: Any,
    ) -> Iterator[Tuple[Frame, np.ndarray]]:
        """The frames of a video, each with the foreground's opacity, steady over time.

        >>> for frame, alpha in Predictor("u2netp", threads=1).video("clip.mp4"):
        ...     shown = frame.picture * (alpha[..., None] / 255)  # at frame.time, in seconds

        A frame's opacity needs frames that come after it, and several networks run at once: with
        ``threads=1`` each has a core. The file is closed when the frames end or this is closed.

        Args:
            source: a file, a folder of frames, or a pattern of frames such as ``frames/*.png``.
            start: seconds that are left out.
            duration: seconds that are read; None: all.
            rate: frames a second of a folder or a pattern, which needs it.
            size: the shorter side of the frames, or (height, width); None: their own.
            settings: as `video.Settings` takes them: ``steady``, ``every``, ``presence``, ...

        Yields:
            A `Frame`, with its ``picture``, uint8 (H, W, 3), RGB, upright, its ``time`` in seconds
            from the start, a ``Fraction``, and its ``number``; and its opacity, uint8 (H, W).

        Raises:
            VideoError: it cannot be read; a ValueError, whose message begins with its name.
            ValueError: a setting is none; raised at once, as is what is wrong with the file.
            ModuleNotFoundError: PyAV is not installed.
        """
        how = Settings(**settings)
        video = open_video(source, start, duration, rate, size)
        return _matted(video, os.fspath(source), self.remover, how)

    def __repr__(self) -> str:
        return f"<Predictor of {self.source} on {self.backend}>"

    def _predicted(self, picture: Any, name: str) -> np.ndarray:
        with memory_named(_name_of(picture, name)):
            probability = self._pipeline(as_image(picture, self._channels, name))
        return probability[0] if len(probability) == 1 else probability


def _matted(
    video: Video, name: str, remover: Remover, settings: Settings
) -> Iterator[Tuple[Frame, np.ndarray]]:
    with video, closing(mattes(video, remover, settings)) as found:
        for matte in found:
            yield matte.frame, matte.alpha
        for note in video.notes():
            logger.warning(f"{name}: {note}")


def _name_of(picture: Any, name: str) -> Union[str, os.PathLike[str]]:
    return picture if isinstance(picture, (str, os.PathLike)) else name


def original_of(picture: Any) -> Original:
    """A `Picture` with its transparency, its depth, and what goes along with it."""
    if isinstance(picture, (str, os.PathLike)):
        return read_original(Path(picture))
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return decode_original(bytes(picture))
    if isinstance(picture, Image.Image):
        return convert_original(picture)
    opaque = isinstance(picture, np.ndarray) and picture.shape[2:] != (4,)
    return Original(as_image(picture, 3 if opaque else 4), Header(), Metadata(), ())


def as_image(picture: Any, channels: int = 3, name: str = "picture") -> np.ndarray:
    """A `Picture` as uint8 (H, W, channels), upright; errors without a file begin with ``name``."""
    if isinstance(picture, (str, os.PathLike)):
        return read_image(Path(picture), channels)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return decode_image(bytes(picture), channels, name)
    if isinstance(picture, Image.Image):
        if 0 in picture.size:
            raise ImageError(name, f"expected a picture of 1x1 or more, got {picture.size}")
        return convert_image(picture, channels, name)
    if isinstance(picture, np.ndarray):
        return _of_array(picture, channels, name)
    kinds = f"a path, a file's bytes, a Pillow picture, or {_ARRAY}"
    raise ImageError(name, f"expected {kinds}, got {type(picture).__name__}")


def _of_array(array: np.ndarray, channels: int, name: str) -> np.ndarray:
    flat = array.reshape(array.shape[:2]) if array.ndim == 3 and array.shape[2] == 1 else array
    fits = flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or array.size == 0:
        hint = "; multiply by 255 and convert it" if array.dtype.kind == "f" else ""
        raise ImageError(name, f"expected {_ARRAY}, got {array.dtype} {array.shape}{hint}")
    if array.ndim == 3 and array.shape[2] == channels:
        return np.ascontiguousarray(array)
    return convert_image(Image.fromarray(np.ascontiguousarray(flat)), channels, name)
