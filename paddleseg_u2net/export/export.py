"""A trained model as files of an engine, with all that predicting needs beside it.

The folder appears only after its files were read again, run, and found to give what the model
gives.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import paddle

from paddleseg_u2net._version import __version__
from paddleseg_u2net.config import Config, ConfigError
from paddleseg_u2net.datasets.table import classes_of
from paddleseg_u2net.export.formats import FORMATS, Job
from paddleseg_u2net.export.options import (
    ExportOptions,
    asked_preprocess,
    asked_shape,
    refuse_folder,
    refuse_output,
)
from paddleseg_u2net.export.quantization.calibration import Calibration
from paddleseg_u2net.export.quantization.search import Found, search
from paddleseg_u2net.export.verify import (
    compare,
    refuse_differences,
    refuse_increase,
    refuse_unmeasured,
)
from paddleseg_u2net.inference import BackendError
from paddleseg_u2net.inference.backends import AUTO, choose
from paddleseg_u2net.inference.backends.backend import Network
from paddleseg_u2net.inference.description import (
    Description,
    ExportError,
    checksum,
    described_preprocess,
    load_exported,
    write_description,
)
from paddleseg_u2net.io.files import atomic_dir, recover_dir
from paddleseg_u2net.log import logger
from paddleseg_u2net.predictor.load import LoadedModel


def export(trained: LoadedModel, options: ExportOptions) -> Description:
    """Export a trained model; what was done is logged.

    The folder ``options.save_dir`` appears whole or not at all. One that is there is replaced if it
    is empty or holds an export and nothing else.

    Args:
        trained: weights, loaded with the backend ``paddle`` on the CPU.

    Raises:
        ExportError: it cannot be exported as asked; or what the files give is not what the model
            gives. For a lower precision: nothing was found inside the tolerance.
        BackendError: the engine that the format is for is not installed.
        OSError: the folder cannot be written.
    """
    weights, config = trained.source, trained.config
    assert isinstance(config, Config)
    refuse_folder(options.save_dir, weights)
    refuse_output(options, config.num_classes)
    shape = asked_shape(options.shape, config.in_channels)
    preprocess = asked_preprocess(config, shape)
    versions = {"paddleseg_u2net": __version__, "paddle": paddle.__version__}
    versions.update(FORMATS[options.format].versions())
    choose(AUTO, "cpu", options.format, options.precision)
    calibration = None
    if options.calibration is not None:
        calibration = Calibration.read(options.calibration, options.calibration_masks, preprocess)
    recover_dir(options.save_dir)
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
        )
        state = {name: value.numpy() for name, value in trained.layer.state_dict().items()}
        job = Job(state, config.architecture(), made)
        found = None
        if calibration is not None:
            found = search(
                job.onnx(), calibration, options.max_mae_increase, options.precision, logger.info
            )
            made = replace(made, guard=_described_guard(found, options))
            job = Job(state, config.architecture(), made, found)
        FORMATS[options.format].write(folder, job)
        files = {path.name: checksum(path) for path in sorted(folder.iterdir())}
        made = replace(made, files=files)
        write_description(folder, made)
        made = _checked(folder, trained.pipeline.network, made, found, options)
        write_description(folder, made)
    return made


def _checked(
    folder: Path, model: Network, made: Description, found: Optional[Found], options: ExportOptions
) -> Description:
    """Read the files again, run them beside the model and log how far they are from it.

    Returns:
        The description with what was measured.

    Raises:
        ExportError: further than is due to the precision or is allowed; or they cannot be read or
            run.
    """
    target, guard, measured = options.save_dir, dict(made.guard), None
    try:
        exported = load_exported(folder, AUTO, device="cpu")
        compared = compare(model, exported.network, made.make_preprocess(), made.shape)
        if found is not None and made.output != "argmax":
            measured = found.guard.measured(exported.network)
    except (ExportError, BackendError) as error:
        text = str(error).replace(str(folder), str(target))
        raise ExportError(f"not written, because it does not run: {text}") from error
    backend = exported.choice.backend
    logger.info(f"Read again and run by {backend}, beside the model: {compared}")
    refuse_differences(compared, made.precision, target)
    refuse_unmeasured(made, getattr(exported.network, "note", ""), target)
    if found is not None and measured is not None:
        refuse_increase(found, measured, options.max_mae_increase, backend, target)
        guard.update(written=measured.increase, written_difference=measured.difference)
    return replace(made, compared={**compared.described(), "backend": backend}, guard=guard)


def class_names(config: Config) -> Tuple[str, ...]:
    """Return names by class number, the background first: those of the data set that the
    configuration has for validation or training, else plain ones.
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
    if count == 2:
        return ("background", "foreground")
    return tuple(f"class {number}" for number in range(count))


def _described_guard(found: Found, options: ExportOptions) -> Dict[str, Any]:
    """What a description says of a search for a lower precision."""
    return {
        "tolerance": options.max_mae_increase,
        "increase": found.increase,
        "difference": found.difference,
        "against": found.against,
        "error": found.error,
        "images": found.images,
        "kept": list(found.fp32_layers),
        "share": found.share,
        "measured": len(found.steps),
    }
