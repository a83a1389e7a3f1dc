"""The sections of a configuration, typed: their keys, defaults, and the values that fit them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union

Rule = Tuple[str, Callable[[Any], bool]]  # what a value is, in words; whether one is that
Section = TypeVar("Section")


def is_number(value: Any) -> bool:
    """Whether it is a finite number, which true and false are not."""
    real = isinstance(value, (int, float, Real)) and not isinstance(value, bool)
    return real and abs(value) <= sys.float_info.max


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _integer(low: int) -> Rule:
    return f"a whole number of {low} or more", lambda value: _is_whole(value, low)


def _optional(rule: Rule) -> Rule:
    return f"{rule[0]}, or null", lambda value: value is None or rule[1](value)


def _list_of(words: str, fits: Callable[[Any], bool], shortest: int = 0) -> Rule:
    return (
        words,
        lambda value: (
            isinstance(value, (list, tuple)) and len(value) >= shortest and all(map(fits, value))
        ),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_dictionary(value: Any) -> bool:
    return isinstance(value, dict)


def _is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


_ANYTHING: Rule = ("anything", lambda value: True)
DICTIONARY: Rule = ("a dictionary", _is_dictionary)
_FLAG: Rule = ("true or false", lambda value: isinstance(value, bool))
_TEXT: Rule = ("text", _is_text)
_NUMBERS = _list_of("a list of numbers", is_number, shortest=1)
_POSITIVE = _list_of("a list of numbers above 0", _is_positive, shortest=1)
_NOT_NEGATIVE: Rule = ("a number of 0 or more", lambda value: is_number(value) and value >= 0)
_SIZE: Rule = (
    "two whole numbers of 1 or more, width and height",
    lambda value: (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(_is_whole(item, 1) for item in value)
    ),
)


def _key(default: Any, rule: Rule = _ANYTHING) -> Any:
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class RunSettings:
    """The keys outside of all sections."""

    batch_size: int = _key(1, _integer(1))
    # One of the two; null is as if it were not there, so that --opts can take one away.
    iters: Optional[int] = _key(None, _optional(_integer(1)))
    epochs: Optional[int] = _key(None, _optional(_integer(1)))
    metrics: Sequence[str] = _key((), _list_of("a list of names", _is_text, shortest=1))
    plugins: Sequence[str] = _key((), _list_of("a list of modules and Python files", _is_text))


@dataclass(frozen=True)
class ModelSettings:
    """``model``; a network may have further arguments."""

    type: str = _key("")
    num_classes: int = _key(
        1,
        (
            "a whole number from 1 to 256, as many as masks can hold",
            lambda value: type(value) is int and 1 <= value <= 256,
        ),
    )
    in_channels: int = _key(
        3, ("1, 3 or 4", lambda value: type(value) is int and value in (1, 3, 4))
    )
    stages: Optional[Mapping[str, Any]] = _key(None)
    pretrained: Optional[str] = _key(None, _optional(_TEXT))
    new_heads: bool = _key(False, _FLAG)


@dataclass(frozen=True)
class PreprocessSettings:
    """``preprocess``."""

    type: str = _key("paddleseg", _TEXT)
    size: Optional[Sequence[int]] = _key(None, _optional(_SIZE))
    mean: Optional[Sequence[float]] = _key(None, _NUMBERS)
    std: Optional[Sequence[float]] = _key(None, _POSITIVE)
    fit: Optional[Sequence[Mapping[str, Any]]] = _key(
        None, _optional(_list_of("a list of steps such as {short: 512}", _is_dictionary))
    )
    restore: str = _key("probability", _TEXT)


@dataclass(frozen=True)
class TrainerSettings:
    """``trainer``."""

    best_metric: str = _key("mIoU", _TEXT)
    early_stop: int = _key(0, _integer(0))
    accumulate: int = _key(1, _integer(1))
    ema_decay: float = _key(
        0.999, ("a number in [0, 1]", lambda value: is_number(value) and 0 <= value <= 1)
    )
    vdl_images: int = _key(4, _integer(0))
    freeze: Sequence[str] = _key((), _list_of("a list of layers' names", _is_text))
    sync_batchnorm: bool = _key(True, _FLAG)


@dataclass(frozen=True)
class InferenceSettings:
    """``test_config``."""

    batch_size: int = _key(1, _integer(1))
    aug_eval: bool = _key(False, _FLAG)
    scales: Union[float, Sequence[float]] = _key(
        1.0,
        (
            "a positive number or a list of them",
            lambda value: _is_positive(value) or _POSITIVE[1](value),
        ),
    )
    flip_horizontal: bool = _key(False, _FLAG)
    flip_vertical: bool = _key(False, _FLAG)
    is_slide: bool = _key(False, _FLAG)
    crop_size: Optional[Sequence[int]] = _key(None, _optional(_SIZE))
    stride: Optional[Sequence[int]] = _key(None, _optional(_SIZE))


@dataclass(frozen=True)
class LossSettings:
    """``loss``."""

    types: Sequence[Mapping[str, Any]] = _key(
        ({},), _list_of("a list of dictionaries", lambda value: True, shortest=1)
    )
    coef: Union[float, Sequence[float]] = _key(
        1,
        (
            "a number or a list of them",
            lambda value: is_number(value) or _NUMBERS[1](value),
        ),
    )

    @property
    def weights(self) -> Union[float, Sequence[float]]:
        """Of the heads; one number for all of them."""
        if isinstance(self.coef, (list, tuple)) and len(self.coef) == 1:
            return self.coef[0]
        return self.coef


@dataclass(frozen=True)
class OptimizerSettings:
    """``optimizer``; an optimizer may have further arguments."""

    weight_decay: Optional[float] = _key(None, _optional(_NOT_NEGATIVE))
    grad_clip_cfg: Optional[Mapping[str, Any]] = _key(None, _optional(DICTIONARY))
    custom_cfg: Optional[Sequence[Mapping[str, Any]]] = _key(
        None,
        _optional(_list_of("a list such as [{name: stage1., lr_mult: 0.1}]", _is_dictionary)),
    )


@dataclass(frozen=True)
class ParameterGroup:
    """An entry of ``optimizer.custom_cfg``."""

    name: str = _key("", _TEXT)
    lr_mult: float = _key(1.0, _NOT_NEGATIVE)
    weight_decay_mult: float = _key(1.0, _NOT_NEGATIVE)


@dataclass(frozen=True)
class DatasetSettings:
    """``train_dataset`` or ``val_dataset``, with what model and loss add; see `PairDataset`."""

    mode: str
    type: str = "PairDataset"
    name: Optional[str] = None
    dataset_root: Optional[str] = None
    train_path: Union[str, Sequence[str], None] = None
    val_path: Union[str, Sequence[str], None] = None
    images: Optional[str] = None
    masks: Union[str, Sequence[str], None] = None
    val_share: float = 0.0
    separator: Optional[str] = None
    num_classes: int = 1
    ignore_index: int = 255
    img_channels: int = 3
    mask_values: Any = "auto"
    mismatched_masks: str = "error"
    class_names: Optional[Sequence[str]] = None
    cache: Any = None
    transforms: Optional[Sequence[Mapping[str, Any]]] = None

    @property
    def list_path(self) -> Union[str, Sequence[str], None]:
        """The list file of this part, or several."""
        return self.train_path if self.mode == "train" else self.val_path


# Sections of known keys; those in OPEN have further ones, arguments of what they name.
SECTIONS: Dict[str, Type[Any]] = {
    "model": ModelSettings,
    "preprocess": PreprocessSettings,
    "trainer": TrainerSettings,
    "test_config": InferenceSettings,
    "loss": LossSettings,
    "optimizer": OptimizerSettings,
}
OPEN = ("model", "optimizer", "lr_scheduler", "train_dataset", "val_dataset", "conventions")


def rules_of(section: Type[Any]) -> Dict[str, Rule]:
    """The rule of each key of a section."""
    return {item.name: item.metadata["rule"] for item in fields(section)}


def top_rules() -> Dict[str, Rule]:
    """The rules of the keys at the top, sections among them."""
    return {**rules_of(RunSettings), **dict.fromkeys([*SECTIONS, *OPEN], DICTIONARY)}


def read(section: Type[Section], tree: Optional[Mapping[str, Any]]) -> Section:
    """A section as it is written, other keys left out; where it is missing, its defaults."""
    tree = tree or {}
    names = [item.name for item in fields(section)]  # type: ignore[arg-type]
    return section(**{name: tree[name] for name in names if name in tree})
