"""An experiment logger of one's own, beside what test_contributing.py runs of it."""

from __future__ import annotations

import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.training.loggers import LOGGERS

PLUGIN = """
from paddleseg_u2net.training.loggers import RunLogger, register


@register("{name}")
class Mine(RunLogger):
    packages = ("a_package_that_nobody_has",)
    install = "pip install mine"

    def scalars(self, values, iteration):
        raise AssertionError
"""


@pytest.fixture
def words(tmp_path, tiny):
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump({**tiny, "plugins": ["my_logger.py"]}))
    before = dict(LOGGERS)
    yield ["--config", str(path), "--save_dir", str(tmp_path / "run"), "--loggers"]
    LOGGERS.clear()
    LOGGERS.update(before)


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        # its line is 5, or 6 to Python 3.9
        ("mlflow", "mlflow", ": logger mlflow: the name is taken"),
        ("mine", "mine", "--loggers mine: needs a_package_that_nobody_has, which is not"),
        ("mine", "min", "wandb, mine, got 'min'; did you mean mine?"),
    ],
)
def test_what_cannot_be_is_one_line(words, tmp_path, capsys, name, asked, said):
    (tmp_path / "my_logger.py").write_text(PLUGIN.format(name=name))
    assert main("train", [*words, asked]) == 1
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()
