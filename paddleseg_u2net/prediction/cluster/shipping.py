"""A model as bytes, so that workers on other machines load the very one that the command found."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Dict, NamedTuple

from paddleseg_u2net.predictor.load import LoadedModel, find_model, load_model


class ShippedModel(NamedTuple):
    """The files of a model.

    Args:
        name: of the file of weights, or of the exported folder.
        files: their content, by their path below the folder that the model lies in.
    """

    name: str
    files: Dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))

    @property
    def digest(self) -> str:
        """By which another model of the same name is told from this one."""
        whole = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        return whole.hexdigest()[:16]

    def load(self, **how: Any) -> LoadedModel:
        """Load it, with what `load_model` takes besides."""
        with tempfile.TemporaryDirectory(prefix="u2net-") as folder:
            for name, content in self.files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return load_model(Path(folder, self.name), **how)


def shipped(model: str) -> ShippedModel:
    """The files of what ``find_model`` finds; of weights those beside it that say what it is, too.

    Raises:
        ValueError: there is no such model.
    """
    source = find_model(model)
    if source.is_dir():
        paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
    else:
        beside = [source.with_suffix(".yaml"), source.with_name(f"{source.name}.data")]
        if source.suffix == ".pdparams":
            beside.append(source.with_name("config.yaml"))
        paths = [source, *(path for path in beside if path.is_file())]
    top = source.parent
    return ShippedModel(
        source.name, {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}
    )
