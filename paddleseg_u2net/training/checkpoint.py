"""Checkpoints: folders that hold all a resume needs, and appear whole or not at all.

Weights are in the published layout, the optimizer's state is under the model's names;
``state.json`` has iteration, best score and so on, and the size and SHA-256 of the other files.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

import numpy as np
import paddle

from paddleseg_u2net.io.files import atomic_dir, recover_dir, remove_dir
from paddleseg_u2net.weights import read_pickle, restore_biases, tables_of, write_pickle

_ITERATION = re.compile(r"iter_(\d+)")


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message names it and the repair."""


def save(
    folder: Path,
    weights: Dict[str, np.ndarray],
    config: str,
    state: Dict[str, Any],
    optimizer: Optional[Dict[str, Any]] = None,
    ema: Optional[Dict[str, np.ndarray]] = None,
) -> None:
    """Write a checkpoint; an older one of this name is replaced when the new one is complete."""
    with atomic_dir(folder) as temporary:
        write_pickle(temporary / "model.pdparams", restore_biases(weights))
        if optimizer is not None:
            write_pickle(temporary / "model.pdopt", optimizer)
        if ema:
            write_pickle(temporary / "ema.pdparams", restore_biases(ema))
        (temporary / "config.yaml").write_text(config, encoding="utf-8")
        files = {path.name: _fingerprint(path) for path in sorted(temporary.iterdir())}
        text = json.dumps({**state, "files": files}, indent=2)
        (temporary / "state.json").write_text(text, encoding="utf-8")


def weights_of(model: Any) -> Dict[str, np.ndarray]:
    """A model's weights, float32, and its tables of whole numbers, by its names."""
    state = model.state_dict()
    tables = tables_of(state)
    return {
        name: (value if name in tables else value.astype("float32")).numpy()
        for name, value in state.items()
    }


def load_state(folder: Path) -> Dict[str, Any]:
    """The contents of ``state.json``, after its files have been checked."""
    path = folder / "state.json"
    if not path.is_file():
        raise CheckpointError(
            f"{folder}: expected a checkpoint (a folder with state.json and model.pdparams); give "
            "a folder such as output/iter_1000"
        )
    state = json.loads(path.read_text(encoding="utf-8"))
    for name, expected in state.pop("files").items():
        if not (folder / name).is_file() or _fingerprint(folder / name) != expected:
            raise CheckpointError(
                f"{folder / name}: this file is missing, cut or not the one that was saved; "
                "resume from another checkpoint"
            )
    return state


def load_optimizer(folder: Path) -> Dict[str, Any]:
    """The optimizer's state."""
    if not (folder / "model.pdopt").is_file():
        raise CheckpointError(
            f"{folder}: it holds weights only; resume from an iter_N folder, or start from "
            "these with --opts model.pretrained=" + str(folder)
        )
    return read_pickle(folder / "model.pdopt")


def _fingerprint(path: Path) -> List[Any]:
    return [path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()]


def iterations(save_dir: Path) -> List[Path]:
    """The ``iter_N`` checkpoints of a run, in the order of N."""
    found = [path for path in save_dir.glob("iter_*") if path.is_dir() and number(path) >= 0]
    return sorted(found, key=number)


def number(folder: Path) -> int:
    """N of a folder ``iter_N``; -1 of another."""
    match = _ITERATION.fullmatch(folder.name)
    return int(match[1]) if match else -1


def latest(folder: Union[str, Path]) -> Path:
    """``folder`` if it is a checkpoint, else the last whole ``iter_N`` in it."""
    folder = Path(folder)
    if (folder / "state.json").is_file():
        return folder
    if found := iterations(folder):
        return found[-1]
    raise CheckpointError(
        f"{folder}: expected a checkpoint or a folder of them (iter_N); found neither"
    )


def refuse_other_runs(save_dir: Path, resumed: Optional[str], iteration: int) -> None:
    """Refuse a folder with checkpoints of another run, or later ones of the run that is resumed
    from ``resumed``: they would be mixed, and best models deleted.
    """
    held = iterations(save_dir)
    if resumed and latest(resumed).resolve().parent == save_dir.resolve():
        held = [path for path in held if number(path) > iteration]
    if held:
        raise CheckpointError(
            f"--save_dir {save_dir}: {held[-1].name} lies there, which this run would mix with its "
            f"own; go on from it with --resume_model {save_dir}, name another --save_dir, or move "
            "it away"
        )


def bring(folder: Path, save_dir: Path) -> None:
    """Copy a best model to a run that is resumed in another folder and may not beat it."""
    target = save_dir / folder.name
    if folder.is_dir() and not target.exists() and folder.parent.resolve() != save_dir.resolve():
        with atomic_dir(target) as temporary:
            shutil.copytree(folder, temporary, dirs_exist_ok=True)


def tidy(save_dir: Path, keep: int) -> None:
    """Delete all but the last ``keep`` ``iter_N`` checkpoints; 0 keeps all."""
    for path in iterations(save_dir)[:-keep] if keep > 0 else []:
        remove_dir(path)


def recover(save_dir: Path) -> None:
    """Clean up what a killed run left half-done in ``save_dir``."""
    if save_dir.is_dir():
        for name in ("best_model", "ema_best_model"):
            recover_dir(save_dir / name)
        for leftover in save_dir.glob(".iter_*"):
            recover_dir(save_dir / leftover.name[1:].split(".")[0])


def optimizer_state(optimizer: Any, model: Any) -> Dict[str, Any]:
    """The optimizer's state under the model's names: Paddle's are of tensors, which it numbers as
    they are made.
    """
    return _renamed(optimizer.state_dict(), _tensor_names(model))


def set_optimizer_state(optimizer: Any, model: Any, state: Dict[str, Any]) -> None:
    """The reverse of ``optimizer_state``."""
    names = {ours: theirs for theirs, ours in _tensor_names(model).items()}
    renamed = _renamed(state, names)
    for name, value in renamed.get("master_weights", {}).items():
        # Paddle looks its moments up under the name that it gives a master copy itself.
        master = paddle.to_tensor(value)
        master.name = f"{name}_fp32_master_0"
        renamed["master_weights"][name] = master
    optimizer.set_state_dict(renamed)


def _tensor_names(model: Any) -> Dict[str, str]:
    return {tensor.name: f"{name}:" for name, tensor in model.named_parameters()}


def _renamed(state: Dict[str, Any], names: Dict[str, str]) -> Dict[str, Any]:
    renamed: Dict[str, Any] = {}
    for key, value in state.items():
        if key == "master_weights":
            renamed[key] = {names[name]: item for name, item in value.items()}
            continue
        # the longest, since one name may begin another
        prefix = max((name for name in names if key.startswith(name)), key=len, default="")
        renamed[names.get(prefix, "") + key[len(prefix) :]] = value
    return renamed
