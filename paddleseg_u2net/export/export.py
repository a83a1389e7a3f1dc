"""A trained model as files of an engine, with all that predicting needs beside it. The folder
appears only after its files were read again, run, and found to give what the model gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import paddle

from paddleseg_u2net import text
from paddleseg_u2net._version import __version__
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.datasets.table import classes_of
from paddleseg_u2net.export.formats import FORMATS, AnyJob, Job
from paddleseg_u2net.export.layers import LayerJob
from paddleseg_u2net.export.logits import TOLERANCE, gap_of_logits
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.search import Found, search
from paddleseg_u2net.export.verify import TOLERANCES, compare
from paddleseg_u2net.inference import BackendError, Preprocess
from paddleseg_u2net.inference.backends import AUTO, choose
from paddleseg_u2net.inference.description import (
    NAME,
    Description,
    ExportError,
    Shape,
    checksum,
    described_preprocess,
    exported_folder,
    load_exported,
    write_description,
)
from paddleseg_u2net.io.files import atomic_dir, check_writable, recover_dir
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.load import LoadedModel

_ALL = 0.98  # of a map, beyond which it is sure of itself nearly everywhere

SEARCHED = ("bf16", "int8")
"""Precisions for which layers that must stay in float32 are searched for."""


@dataclass(frozen=True)
class ExportOptions:
    """What to export; flags of `tools/export.py` by the same names.

    ``output``: one of `OUTPUTS`. ``shape``: of the input (N, C, H, W), None where any number is to
    be taken; None: any N, H, W. The last three are for the precisions `SEARCHED` only.
    """

    save_dir: Path
    format: str = "paddle"
    precision: str = "fp32"
    output: str = "probability"
    shape: Optional[Tuple[Optional[int], ...]] = None
    calibration: Optional[Path] = None
    calibration_masks: Optional[Path] = None
    max_mae_increase: float = 0.001

    def __post_init__(self) -> None:
        offered = FORMATS[self.format].precisions
        if self.precision not in offered:
            raise ExportError(
                f"--format {self.format}: expected --precision {' or '.join(offered)}, got "
                f"{self.precision}; `--help` shows which format has which"
            )
        given = self.calibration is not None
        if given != (self.precision in SEARCHED) or (self.calibration_masks and not given):
            raise ExportError(
                f"--precision {self.precision}: --calibration, a folder of 16 images or more like "
                f"those that will be predicted, goes with {' and '.join(SEARCHED)}, and with no "
                "other; maps of them are what is guarded"
            )
        if not self.max_mae_increase >= 0:
            raise ExportError(
                f"--max_mae_increase: expected 0 or more, got {self.max_mae_increase}"
            )


def export(trained: LoadedModel, options: ExportOptions) -> Description:
    """Export a trained model, loaded with the backend ``paddle`` on the CPU.

    The folder ``options.save_dir`` appears whole or not at all. One that is there is replaced if it
    is empty or holds an export and nothing else.

    Raises:
        ExportError: it cannot be exported as asked; or what the files give is not what the model
            gives. For a lower precision: nothing was found inside the tolerance.
        BackendError: the engine that the format is for is not installed.
        OSError: the folder cannot be written.
    """
    weights, config = trained.source, trained.config
    assert isinstance(config, Config)
    _refuse_network(options, trained)
    _refuse_folder(options.save_dir, weights)
    first, *others = _shapes(options, config)
    choose(AUTO, "cpu", options.format, options.precision)
    recover_dir(options.save_dir)
    for shape in others:
        try:
            return _written(trained, options, first)
        except ExportError as error:
            sizes = " ".join("-1" if number is None else str(number) for number in shape)
            logger.warning(f"{error}. Trying --input_shape {sizes}")
            first = shape
    try:
        return _written(trained, options, first)
    except ExportError as error:
        if config.is_u2net or others or options.shape is not None:
            raise
        raise ExportError(f"{error}; one size may go, such as --input_shape 1 3 512 512") from error


def _written(trained: LoadedModel, options: ExportOptions, shape: Shape) -> Description:
    """Write the folder for inputs of ``shape``."""
    weights, config = trained.source, trained.config
    assert isinstance(config, Config)
    preprocess = asked_preprocess(config, shape)
    versions = {"paddleseg_u2net": __version__, "paddle": paddle.__version__}
    versions.update(FORMATS[options.format].versions())
    calibration = None
    if options.calibration is not None:
        calibration = Calibration.read(options.calibration, options.calibration_masks, preprocess)
    with atomic_dir(options.save_dir) as folder:
        made = Description(
            options.format,
            options.precision,
            options.output,
            shape,
            config.num_classes,
            class_names(config),
            described_preprocess(preprocess),
            files={},
            source={"file": weights.name, "sha256": checksum(weights)},
            versions=versions,
            network="" if config.is_u2net else type(trained.layer).__name__,
        )
        job, found = _job(trained, made), None
        if calibration is not None:
            tolerance, precision = options.max_mae_increase, options.precision
            found = search(job.onnx(), calibration, tolerance, precision)
            made = replace(made, guard={"tolerance": tolerance, **found.described})
            job = _job(trained, made, found)
        FORMATS[options.format].write(folder, job)
        files = {path.name: checksum(path) for path in sorted(folder.iterdir())}
        made = replace(made, files=files, versions={**versions, **job.used})
        write_description(folder, made)
        made = _checked(folder, trained, made, found, options)
        write_description(folder, made)
    return made


def _job(trained: LoadedModel, made: Description, found: Optional[Found] = None) -> AnyJob:
    """What the format's writer is given."""
    config = trained.config
    assert isinstance(config, Config)
    if not config.is_u2net:
        return LayerJob(trained.layer, made)
    state = {name: value.numpy() for name, value in trained.layer.state_dict().items()}
    return Job(state, config.architecture(), made, found)


def _checked(
    folder: Path,
    trained: LoadedModel,
    made: Description,
    found: Optional[Found],
    options: ExportOptions,
) -> Description:
    """The description with what was measured: the files are read again and run beside the model."""
    model = trained.pipeline.network
    try:
        exported = load_exported(folder, AUTO, device="cpu")
        compared = compare(model, exported.network, made.make_preprocess(), made.shape)
        measured = None
        if found is not None and made.output != "argmax":
            measured = found.guard.measured(exported.network)
    except (ExportError, BackendError) as error:
        words = str(error).replace(str(folder), str(options.save_dir))
        raise ExportError(f"not written, because it does not run: {words}") from error
    backend = exported.choice.backend
    logger.info(f"Read again and run by {backend}, beside the model: {compared}")
    if limits := TOLERANCES.get(made.precision):
        # NaN is no agreement
        inside = compared.largest <= limits[0] and compared.mean <= limits[1]
        what = f"its maps differ from the model's: {compared}"
        _refuse(inside, options, what, f"{limits[0]:g} and {limits[1]:g}")
    more: Dict[str, Any] = {"backend": backend}
    if made.network and made.precision == "fp32" and compared.sure > _ALL:
        more["logits"] = gap = gap_of_logits(trained.layer, model, made, backend)
        what = f"logits differ by {gap:.2g} of their standard deviation"
        logger.info(f"Its maps of drawings are 0 or 1 nearly everywhere; {what} at most")
        _refuse(gap <= TOLERANCE, options, f"its {what}", f"{TOLERANCE:g}")
    guard, note = dict(made.guard), getattr(exported.network, "note", "")
    if made.precision == "bf16" and guard.get("kept") and note:
        what = f"{len(guard['kept'])} layers have to stay in float32, and are not seen to do so"
        _refuse(False, options, f"{what} {note}", "a processor with AVX512-BF16 or AMX")
    if found is not None and measured is not None:
        what = f"run by {backend} on the {measured.images} images that the search was checked by, "
        what += f"MAE is {measured.increase:+.5f} against {found.described['against']}, "
        what += f"the difference from fp32 {measured.difference:.5f}"
        logger.info(what)
        inside = found.guard.inside(measured, options.max_mae_increase)
        _refuse(inside, options, what, f"{options.max_mae_increase:g}")
        guard.update(written=measured.increase, written_difference=measured.difference)
    return replace(made, compared={**compared.described(), **more}, guard=guard)


_ROUNDED = "Allow more (--max_mae_increase), or take --precision fp32"
_EXACT = (
    "Either the network draws numbers in evaluation, as PaddleSeg's SegNeXt does, or this is a "
    "defect of paddle2onnx (of no U²-Net; --format paddle does without it), of the program or of "
    "the disk: try again, and report it"
)


def _refuse(inside: bool, options: ExportOptions, found: str, allowed: str) -> None:
    if not inside:
        raise ExportError(
            f"{options.save_dir}: not written: {found}; {options.precision} takes {allowed}. "
            + (_EXACT if options.precision == "fp32" else _ROUNDED)
        )


def _refuse_folder(folder: Path, weights: Path) -> None:
    """Refuse a folder in which more than an export would be replaced, or the weights themselves."""
    if folder.resolve() in weights.resolve().parents:
        raise ExportError(f"{folder}: {weights} is in it; name another --save_dir")
    check_writable(folder, folder=True)
    content = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    own = {NAME}.union(*(names for format in FORMATS.values() for names in format.files))
    strangers = [name for name in content if name not in own]
    if strangers or (content and exported_folder(folder) is None):
        found = strangers[0] if strangers else f"no {NAME}"
        raise ExportError(
            f"{folder}: expected nothing, an empty folder, or an earlier export to be replaced, "
            f"found a folder with {found}; move it away or name another --save_dir"
        )


def _refuse_network(options: ExportOptions, trained: LoadedModel) -> None:
    """Refuse a network that is no U²-Net, where the format or the precision is for those only."""
    assert isinstance(trained.config, Config)
    if trained.config.is_u2net:
        return
    name = type(trained.layer).__name__
    able = [key for key, format in FORMATS.items() if format.any_network]
    if options.format not in able:
        raise ExportError(
            f"--format {options.format}: it is for U²-Nets, this model is a {name}; expected one "
            f"of {', '.join(able)}"
        )
    if options.precision in SEARCHED:
        raise ExportError(
            f"--precision {options.precision}: what may be lowered is sought in U²-Nets only, "
            f"and this model is a {name}; take --precision fp32 or fp16"
        )


def _shapes(options: ExportOptions, config: Config) -> List[Shape]:
    """The input's shape; of a network that is no U²-Net, and where none was asked for, also those
    to be tried where its files do not take any size: the preprocessing's, and one image at a time.
    """
    asked, own = _asked_shape(options, config), config.preprocess()
    size = own.size or own.fit.last
    if config.is_u2net or options.shape is not None or size is None:
        return [asked]
    fixed = (asked[1], size[1], size[0])
    return [asked, (None, *fixed), (1, *fixed)]


def _asked_shape(options: ExportOptions, config: Config) -> Shape:
    """The input's shape; an output that the format or the model does not have is refused, too."""
    reason = FORMATS[options.format].no_argmax
    if reason and options.output == "argmax":
        raise ExportError(
            f"--format {options.format}: expected --output_op probability, since {reason}; take "
            "the largest probability, or another format"
        )
    if options.output == "softmax" and config.num_classes == 1:
        raise ExportError(
            "--output_op softmax: expected a model of 2 classes or more, this one has 1, whose "
            "probability is a sigmoid; take --output_op probability"
        )
    channels = config.in_channels
    count, own, height, width = options.shape or (None, channels, None, None)
    if own not in (None, channels):
        raise ExportError(
            f"--input_shape: the model takes {channels} channels, got {own}; the second number is "
            "that of channels, as in 1 3 320 320"
        )
    return (count, channels, height, width)


def asked_preprocess(config: Config, shape: Shape) -> Preprocess:
    """That of the configuration, with the size that ``shape`` asks for."""
    own = config.preprocess()
    usual = own.size or (None, None)
    size = (shape[3] or usual[0], shape[2] or usual[1])
    if size == usual:
        return own
    if own.fit:
        return _fitted(own, size)
    sides = [int(side or 0) for side in size]
    made = Preprocess(sides, own.mean, own.std, shape[1], own.type, restore=own.restores)
    told = f"{made.size_in_words} by --input_shape, instead of {own.size_in_words}"
    logger.info(f"preprocess.size: {told}")
    return made


def _fitted(own: Preprocess, size: Tuple[Optional[int], Optional[int]]) -> Preprocess:
    """A preprocessing in steps, which has to end at the size of ``--input_shape``."""
    ends = own.fit.last or (0, 0)
    if any(asked not in (None, side) for asked, side in zip(size, ends)):
        raise ExportError(
            f"--input_shape: preprocess.fit ({own.fit}) does not end at {size[0]}x{size[1]}; leave "
            "it out, or override the steps, e.g. --opts preprocess.fit=null"
        )
    return own


def class_names(config: Config) -> Tuple[str, ...]:
    """Names by class number, the background first: those of the data set that the configuration has
    for validation or training, else plain ones.
    """
    count = max(config.num_classes, 2)
    for part in ("val", "train"):
        try:
            settings = config.dataset_settings(part)
        except ConfigError:
            continue
        names = settings.class_names or classes_of(settings.name)
        if len(names) == count:
            return tuple(str(item) for item in names)
    return tuple(text.class_names((), count))
