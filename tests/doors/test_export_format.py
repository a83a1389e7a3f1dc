"""An export format of one's own, beside what test_contributing.py runs of it."""

from __future__ import annotations

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.export.formats import FORMATS
from paddleseg_u2net.weights import write_weights
from tests.weights import narrow

PLUGIN = '''
"""An ONNX file, backwards."""

from paddleseg_u2net.export.formats import Format, register


def write(folder, job):
    raise AssertionError


register(
    Format(
        "backwards",
        "for nobody",
        precisions=("fp32",),
        files=(("model.bytes",),),
        write=write,
        no_argmax="it has none",
    )
)
'''


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_format.py"
    path.write_text(PLUGIN)
    yield path
    FORMATS.pop("backwards", None)


def export(folder, plugin, *more):
    pytest.importorskip("onnxruntime")
    write_weights(folder / "model.pth", narrow.state())
    words = ["--model_path", str(folder / "model.pth"), "--save_dir", str(folder / "out")]
    return main("export", [*words, "--plugins", str(plugin), "--format", "backwards", *more])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--precision", "int8"], "--format backwards: expected --precision fp32, got int8"),
        (["--output_op", "argmax"], "expected --output_op probability, since it has none"),
    ],
)
def test_what_it_does_not_have_is_refused(plugin, tmp_path, capsys, more, words):
    assert export(tmp_path, plugin, *more) == 1
    assert words in capsys.readouterr().err
