"""A network of any class as files: Paddle writes down what its layers compute, and paddle2onnx
makes ONNX of that. A U²-Net is written from its list of operations instead, smaller and sooner.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Dict

import paddle
import paddle.nn.functional as F

from paddleseg_u2net import signals
from paddleseg_u2net.export.paddle import activated, without_code
from paddleseg_u2net.export.pooling import convertible
from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.inference.backends.choice import is_installed
from paddleseg_u2net.inference.description import Description, ExportError, Shape
from paddleseg_u2net.weights.file_type import optional_package

# As of U²-Nets. From 17 on paddle2onnx writes LayerNormalization, over channels with wrong shapes.
_OPSET = 13

# For Paddle 2 and for Paddle 3. What they ask for beside them are optimizers, which are not used,
# and an older onnx.
PADDLE2ONNX = {"oldest": "1.3.1", "newest": "2.1.0"}

# A process of its own: what paddle2onnx does not know it answers with an abort or `sys.exit`. Its
# optimizers are left out, since they would install packages.
_CONVERT = """
import inspect, sys
import paddle2onnx
program, weights, target = sys.argv[1:4]
taken = inspect.signature(paddle2onnx.export).parameters
more = {"optimize_tool": "None"} if "optimize_tool" in taken else {}
paddle2onnx.export(program, weights, target, opset_version=int(sys.argv[4]), **more)
"""


@dataclass
class LayerJob:
    """What a format's writer is given of a network that is no U²-Net: see `Job`. ``used``: versions
    of the programs that were needed besides.
    """

    layer: Any
    description: Description
    used: Dict[str, str] = field(default_factory=dict)

    found = None  # no lower precision is searched for
    shape_to_fix = None  # Paddle writes the shape

    def onnx(self) -> bytes:
        """Return the network as an ONNX file with one output, ``d0``, probabilities, or logits if
        the description says so.
        """
        made = self.description
        self.used["paddle2onnx"] = _paddle2onnx(f"--format {made.format}")
        with tempfile.TemporaryDirectory() as name, convertible(self.layer):
            output = "logits" if made.output == "logits" else "probability"
            program = _save(Path(name), self.layer, output, made.shape)
            content = _converted(program, f"--format {made.format}")
        return _tidied(content, made)

    def write_paddle(self, folder: Path) -> None:
        """Write Paddle's program and its weights."""
        _save(folder, self.layer, self.description.output, self.description.shape)


class _Evaluated(paddle.nn.Layer):
    """The first output of a network's evaluation, at the image's size, activated."""

    def __init__(self, network: Any, output: str, resizes: bool) -> None:
        super().__init__()
        self.network, self.output, self.resizes = network, output, resizes

    # `jit.save` asks for this name of the first argument
    def forward(self, images: Any) -> Any:
        logits = self.network(images)[0]
        if self.resizes:
            logits = F.interpolate(logits, paddle.shape(images)[2:], mode="bilinear")
        return activated(logits, self.output)


@paddle.no_grad()
def _gives_other_sizes(layer: Any, shape: Shape) -> bool:
    """Whether the maps of some image that the layer takes have another size than the image."""
    for side in (65, 64):  # not all take an odd one
        size = [side if number is None else number for number in shape[2:]]
        with contextlib.suppress(Exception):  # whatever the network's own code raises
            return layer(paddle.zeros([1, shape[1], *size]))[0].shape[2:] != size
    return False


def _save(folder: Path, layer: Any, output: str, shape: Shape) -> Path:
    """Write ``model.json`` (Paddle 2: ``model.pdmodel``) and ``model.pdiparams``; the former."""
    sizes = [-1 if number is None else number for number in shape]
    layer.eval()
    network = _Evaluated(layer, output, _gives_other_sizes(layer, shape))
    network.eval()
    images = paddle.static.InputSpec(sizes, "float32", "input")
    # Paddle asks Python where each operator was called; an exception then is a crash in its C++.
    with signals.held():
        try:
            program = paddle.jit.to_static(network, input_spec=[images], full_graph=True)
            try:
                paddle.jit.save(program, str(folder / "model"))
            finally:  # Paddle 2 has put translated code into each of the layers
                program.forward.rollback()
        except OSError:
            raise
        except Exception as error:  # whatever the network's own code raises of sizes not known
            said = _reason(f"{error}\n{type(error).__name__}: {error}")
            raise ExportError(
                f"Paddle cannot write down what {type(layer).__name__} computes of an input "
                f"{_text(shape)}: {said}"
            ) from error
    (folder / "model.pdiparams.info").unlink(missing_ok=True)
    if (path := folder / "model.pdmodel").exists():
        without_code(path)
        return path
    return folder / "model.json"


def _converted(program: Path, asked: str) -> bytes:
    """The ONNX file of a saved program."""
    if program.suffix == ".json":
        _narrow_scales(program)
    target = program.with_name("model.onnx")
    files = (program, program.with_name("model.pdiparams"), target)
    command = [sys.executable, "-c", _CONVERT, *map(str, files), str(_OPSET)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode or not target.exists():
        said = done.stderr + done.stdout
        raise ExportError(
            f"{asked}: paddle2onnx cannot convert this network: {_reason(said)}; "
            "--format paddle needs no conversion"
        )
    return target.read_bytes()


def _paddle2onnx(asked: str) -> str:
    """The version of paddle2onnx; BackendError, which says how to install it."""
    if not is_installed("paddle2onnx"):
        version = PADDLE2ONNX["oldest" if paddle.__version__.startswith("2.") else "newest"]
        raise BackendError(
            f"{asked}: networks other than U²-Nets need the package paddle2onnx, which is not "
            f"installed; for Paddle {paddle.__version__}: pip install --no-deps "
            f"paddle2onnx=={version}, or take --format paddle"
        )
    return metadata.version("paddle2onnx")


def _narrow_scales(program: Path) -> None:
    """Write the scales of resizes as float32, where Paddle 3.3 has float64: paddle2onnx 2.1.0 knows
    the former only.
    """

    def narrowed(entry: Dict[str, Any]) -> Dict[str, Any]:
        if entry.get("N") == "scale" and entry["AT"]["#"] == "0.a_array":
            for number in entry["AT"]["D"]:
                number["#"] = number["#"].replace("0.a_f64", "0.a_f32")
        return entry

    content = json.loads(program.read_text(encoding="utf-8"), object_hook=narrowed)
    program.write_text(json.dumps(content), encoding="utf-8")


def _tidied(content: bytes, made: Description) -> bytes:
    """Give the output its name and its shape, as files of U²-Nets have them, and keep weights where
    others look for them.
    """
    model = optional_package(f"--format {made.format}", "onnx").load_model_from_string(content)
    graph = model.graph
    given = graph.output[0]
    nodes = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            graph.initializer.append(node.attribute[0].t)
            graph.initializer[-1].name = node.output[0]
            continue
        node.output[:] = ["d0" if name == given.name else name for name in node.output]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    given.name = "d0"
    batch, _, height, width = made.shape
    sides = zip("NCHW", (batch, made.num_classes, height, width), given.type.tensor_type.shape.dim)
    for letter, extent, own in sides:
        if extent is None:
            own.dim_param = letter
        else:
            own.dim_value = extent
    return model.SerializeToString()


def _text(shape: Shape) -> str:
    return "x".join("any" if number is None else str(number) for number in shape)


def _reason(said: str) -> str:
    """The line of a program's words that says why it stopped."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if re.search(r"\w+Error: |\[ERROR\]", line)]
    lines = [line for line in marked if "unsupported features" not in line] or lines[-1:]
    return lines[0].replace("[ERROR][Paddle2ONNX] ", "")[:300] if lines else "it does not say why"
