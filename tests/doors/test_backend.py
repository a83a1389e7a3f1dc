"""A backend of one's own, beside what test_contributing.py runs of it."""

from __future__ import annotations

from paddleseg_u2net.commands import main

PLUGIN = """
from paddleseg_u2net.inference.backends import Backend, register

register(Backend("ncnn", None, {}))
"""


def test_a_name_that_is_taken(tmp_path, capsys):
    path = tmp_path / "my_backend.py"
    path.write_text(PLUGIN)
    assert main("predict", ["--image_path", "none.png", "--plugins", str(path)]) == 1
    assert f"{path}, line 4: backend ncnn: the name is taken" in capsys.readouterr().err
