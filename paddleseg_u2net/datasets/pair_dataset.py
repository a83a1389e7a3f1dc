"""A data set of image and mask files: one class for all of them, a row of the table for each."""

from __future__ import annotations

import random
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from paddleseg_u2net.datasets.augment import (
    Data,
    Transform,
    check_transform,
    fixed_beginning,
    name_of,
    strange_labels,
    transformed,
)
from paddleseg_u2net.datasets.cache import PairCache, Prepared, Settings, read_settings
from paddleseg_u2net.datasets.mask_encoding import (
    MaskError,
    check_mask_encoding,
    decode,
    distinct_values,
    infer_from_masks,
    sample_masks,
)
from paddleseg_u2net.datasets.pairing import (
    Pair,
    PairingError,
    from_folders,
    from_list,
    split_train_val,
)
from paddleseg_u2net.datasets.patterns import from_patterns
from paddleseg_u2net.datasets.table import PairPaths, find_row, resolve_paths
from paddleseg_u2net.io.images import memory_named, read_mask
from paddleseg_u2net.io.images import read_still as read_image


def check_arguments(mode: str = "train", **given: Any) -> Optional[Settings]:
    """Refuse arguments of `PairDataset` that have no meaning; return what ``cache`` means."""
    if mode not in ("train", "val", "test"):
        raise PairingError(f"mode: expected train, val or test, got {mode!r}")
    channels, mismatched = given.get("img_channels", 3), given.get("mismatched_masks", "error")
    if channels not in (1, 3, 4):
        raise PairingError(f"img_channels: expected 1, 3 or 4, got {channels!r}")
    if mismatched not in ("error", "resize"):
        raise PairingError(f"mismatched_masks: expected error or resize, got {mismatched!r}")
    val_share, cache = given.get("val_share", 0), given.get("cache")
    if val_share and not 0 < val_share < 1:
        raise PairingError(f"val_share: expected a share between 0 and 1, got {val_share}")
    encoding, classes = given.get("mask_values", "auto"), given.get("num_classes", 1)
    check_mask_encoding(encoding, classes, "mask_values", given.get("ignore_index", 255))
    return None if cache is None else read_settings(cache, f"{mode}_dataset.cache")


class PairDataset:
    """Images with masks, from a row of the table, list files, or two folders.

    Args:
        mode: "train", "val" or "test"; chooses the list, the part, and whether to augment.
        name: a known data set, or a YAML file with a row, see ``paddleseg_u2net.datasets.table``;
            gives root, lists or folders.
        dataset_root: folder that all other paths are relative to; ``data/<name>`` if not given.
        train_path, val_path, test_path: list files, see ``pairing.from_list``.
        images, masks: two folders instead of lists, see ``pairing.from_folders``; or patterns with
            ``*``, see ``datasets.patterns``: masks may be several then, and lists are of names.
        val_share: share of the pairs for validation, where no list says so.
        separator: between image and mask in a list line.
        num_classes: 1 (foreground or not) or more.
        ignore_index: the label of ignored pixels.
        img_channels: 1, 3 or 4: images are read as grey, RGB or RGBA.
        mask_values: auto, index, binary, soft, instance, or a table; see
            ``paddleseg_u2net.datasets.mask_encoding``.
        mismatched_masks: "error", or "resize": a mask of another size is fitted to its image.
        transforms: augmentation in training: callables on ``{"img", "label", "gt_fields",
            "trans_info"}`` as in PaddleSeg. A copy of each is made for each pair, so that nothing
            that it keeps reaches the next.
        class_names: names by number, the background first, for the log and pictures; a row of the
            table has its own.
        cache: keep pairs on disk, decoded and resized, see ``paddleseg_u2net.datasets.cache``.

    Raises:
        PairingError, MaskError: files cannot be paired, or masks not be understood.
        ValueError: ``cache`` is no size; a transform cannot be used, see
            ``augment.check_transform``.
    """

    # PaddleSeg's builder asks the class; instances know better.
    NUM_CLASSES, IMG_CHANNELS, IGNORE_INDEX = 1, 3, 255

    def __init__(
        self,
        mode: str = "train",
        name: Optional[str] = None,
        dataset_root: Optional[str] = None,
        train_path: Union[str, Sequence[str], None] = None,
        val_path: Union[str, Sequence[str], None] = None,
        test_path: Union[str, Sequence[str], None] = None,
        images: Optional[str] = None,
        masks: Union[str, Sequence[str], None] = None,
        val_share: float = 0.0,
        separator: Optional[str] = None,
        num_classes: int = 1,
        ignore_index: int = 255,
        img_channels: int = 3,
        mask_values: Union[str, Dict[int, int]] = "auto",
        mismatched_masks: str = "error",
        transforms: Optional[Sequence[Transform]] = None,
        class_names: Optional[Sequence[str]] = None,
        cache: Union[str, float, Dict[str, Any], None] = None,
    ) -> None:
        settings = check_arguments(
            mode, num_classes=num_classes, ignore_index=ignore_index, img_channels=img_channels,
            mask_values=mask_values, mismatched_masks=mismatched_masks, val_share=val_share,
            cache=cache,
        )  # fmt: skip
        self.mode, self.name = mode, name
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.img_channels, self.mismatched_masks = img_channels, mismatched_masks
        self.transforms = list(transforms or [])
        for transform in self.transforms:
            check_transform(transform)
        self.classes = tuple(class_names or (find_row(name).classes if name else ()))
        if class_names is not None and len(self.classes) != max(num_classes, 2):
            raise PairingError(
                f"class_names: expected {max(num_classes, 2)} names, the background first, for "
                f"num_classes {num_classes}, got {list(self.classes)}"
            )

        lists = {"train": train_path, "val": val_path, "test": test_path}
        paths = resolve_paths(mode, name, dataset_root, lists[mode], images, masks)
        pairs = self._find(paths, separator)
        if val_share:
            pairs = split_train_val(pairs, val_share)[0 if mode == "train" else 1]
        self.pairs: List[Pair] = pairs
        self.mask_encoding = mask_values if mask_values != "auto" else self._infer_mask_encoding()
        # With a cache: the transforms that belong to the cached pair, and those drawn anew.
        self._fixed: List[str] = fixed_beginning(self.transforms) if settings else []
        self._cache = self._open_cache(settings) if settings else None

    def _find(self, paths: PairPaths, separator: Optional[str]) -> List[Pair]:
        if paths.patterns is not None:
            return from_patterns(paths.root, paths.patterns)
        if paths.list_file is not None:
            return from_list(paths.list_file, paths.root, separator)
        return from_folders(paths.images, paths.masks)

    def _infer_mask_encoding(self) -> str:
        masks = sample_masks([pair.mask for pair in self.pairs], distinct_values)
        return infer_from_masks(masks, self.num_classes, self.ignore_index)

    def describe(self) -> str:
        """One line for the log: how many pairs, how masks are read, and what is cached."""
        cached = f"; cache: {self._cache.words}" if self._cache else ""
        read = f"masks read as {self.mask_encoding} (key mask_values)"
        return f"{self.mode}: {len(self)} pairs, {read}{cached}"

    def __len__(self) -> int:
        return len(self.pairs)

    def image(self, index: int) -> np.ndarray:
        """The image as uint8 (H, W, img_channels)."""
        return read_image(self.pairs[index].image, self.img_channels)

    def label(self, index: int) -> np.ndarray:
        """The label of a mask as its file has it, of any size, see ``mask_encoding.decode``."""
        mask = self.pairs[index].mask
        known = self.mask_encoding, self.num_classes, self.ignore_index
        return decode(read_mask(mask), *known, mask)

    def read(self, index: int) -> Tuple[np.ndarray, np.ndarray]:
        """Image uint8 (H, W, img_channels) and label (H, W), see ``mask_encoding.decode``."""
        if self._cache is not None and not self._fixed:
            prepared = self._cache.get(index, lambda i: Prepared(*self._decoded(i), []))
            return prepared.image, prepared.label
        return self._decoded(index)

    def _decoded(self, index: int) -> Tuple[np.ndarray, np.ndarray]:
        pair, image, label = self.pairs[index], self.image(index), self.label(index)
        if label.shape != image.shape[:2]:
            label = self._fit(label, image.shape[:2], pair)
        return image, label

    def _fit(self, label: np.ndarray, shape: Tuple[int, ...], pair: Pair) -> np.ndarray:
        if self.mismatched_masks == "error":
            raise MaskError(
                f"{pair.mask}: expected the size of its image {pair.image}, {shape[1]}x{shape[0]}, "
                f"got {label.shape[1]}x{label.shape[0]} (width x height); correct the file, or "
                f"set {self.mode}_dataset.mismatched_masks: resize to stretch such masks"
            )
        method = cv2.INTER_LINEAR if self.mask_encoding == "soft" else cv2.INTER_NEAREST
        return cv2.resize(label, (shape[1], shape[0]), interpolation=method)

    def augmented(self, index: int, seed: Sequence[int]) -> Tuple[np.ndarray, np.ndarray]:
        """As ``read``, with the transforms applied; the same ``seed`` gives the same result."""
        with memory_named(self.pairs[index].image):
            if self._cache is not None and self._fixed:
                prepared = self._cache.get(index, self._prepared)
            else:
                prepared = Prepared(*self.read(index), [])
            _seed(seed)
            data = transformed(_data(prepared), self.transforms[len(self._fixed) :])
            self.check_label(data["label"])
            return _as_image(data["img"]), data["label"]

    def check_label(self, label: np.ndarray) -> None:
        """Refuse the label that the transforms made if a loss cannot take it."""
        strange = strange_labels(label, self.num_classes, self.ignore_index)
        if not strange:
            return
        expected = "0 to 1" if self.num_classes == 1 else f"0 to {self.num_classes - 1}"
        raise MaskError(
            f"transforms: made the labels {', '.join(f'{value:g}' for value in strange)}, expected "
            f"{expected} or ignore_index, {self.ignore_index}; set label_padding_value of the "
            "transform that pads to that, or leave it out"
        )

    def _prepared(self, index: int) -> Prepared:
        """The pair behind the transforms that do the same every time."""
        fixed = self.transforms[: len(self._fixed)]
        data = transformed(_data(Prepared(*self.read(index), [])), fixed)
        return Prepared(data["img"], data["label"], data["trans_info"])

    def _open_cache(self, settings: Settings) -> PairCache:
        encoding = self.mask_encoding
        recipe = {
            "class": f"{type(self).__module__}.{type(self).__qualname__}",
            "mask_encoding": encoding if isinstance(encoding, str) else sorted(encoding.items()),
            "num_classes": self.num_classes,
            "ignore_index": self.ignore_index,
            "img_channels": self.img_channels,
            "mismatched_masks": self.mismatched_masks,
            "transforms": self._fixed,
        }
        key = f"{self.mode}_dataset.cache"
        return PairCache(settings, key, self.pairs, recipe)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        """Image, label and name, as the files have them."""
        image, label = self.read(index)
        return {"img": image, "label": label, "name": self.pairs[index].name}


class PaddleSegPairDataset(PairDataset):
    """Pairs in the form of ``paddleseg.datasets.Dataset``.

    PaddleSeg's builder says neither which part of the data it builds nor what ``preprocess`` has,
    so ``mode`` and a ``Normalize`` among ``transforms`` have to be there; other arguments are those
    of ``PairDataset``.
    """

    def __init__(
        self,
        mode: Optional[str] = None,
        transforms: Optional[Sequence[Transform]] = None,
        **arguments: Any,
    ) -> None:
        missing = [] if mode else ["mode: train (or val)"]
        if "Normalize" not in map(name_of, transforms or ()):
            missing.append("{type: Normalize, mean: [...], std: [...]} in transforms")
        if missing:
            raise PairingError(
                "PaddleSeg's builder reads neither preprocess nor which section a PairDataset "
                f"stands in; add {' and '.join(missing)} there, or train with `paddleseg_u2net "
                "train`, which reads the file as it is"
            )
        super().__init__(str(mode), transforms=transforms, **arguments)

    def __getitem__(self, index: int) -> Dict[str, Any]:
        """``img`` (C, H, W) float, ``label`` (H, W), in validation (1, H, W) of the file's size."""
        image, label = self.read(index)
        validation = self.mode == "val"
        data: Dict[str, Any] = {
            "trans_info": [],
            "img": image.astype(np.float32),
            "label": label,
            "gt_fields": [] if validation else ["label"],
        }
        data = transformed(data, self.transforms)
        self.check_label(data["label"])
        image = data["img"]
        data["img"] = np.transpose(image[..., None] if image.ndim == 2 else image, (2, 0, 1))
        if validation:
            data["label"] = data["label"][None]
        return data


def _data(prepared: Prepared) -> Data:
    data: Data = {"img": prepared.image, "label": prepared.label}
    return {**data, "gt_fields": ["label"], "trans_info": prepared.trans_info}


def _seed(seed: Sequence[int]) -> None:
    """Seed the global generators, which PaddleSeg's transforms draw from."""
    state = np.random.SeedSequence(list(seed)).generate_state(2)
    random.seed(int(state[0]))
    np.random.seed(state[1])


def _as_image(array: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) again: some transforms return floats, and OpenCV drops a single channel."""
    if array.dtype != np.uint8:
        array = np.clip(np.rint(array), 0, 255).astype(np.uint8)
    return array[..., None] if array.ndim == 2 else array
