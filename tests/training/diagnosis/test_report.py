"""The command: its files, exit codes and refusals; and the sums behind the figures."""

import ast
import json
import math
import re
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml
from paddleseg.cvlibs import manager
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.training.diagnosis import (
    Diagnosis,
    Examination,
    Finding,
    Result,
    examinations,
    register,
)
from paddleseg_u2net.training.diagnosis.examinations.labels import shares
from paddleseg_u2net.training.diagnosis.examinations.learning_rate import proposed, smoothed
from paddleseg_u2net.training.diagnosis.fitting import answered, overlap
from tests.conftest import tiny_config
from tests.training.diagnosis.conftest import examined

# As few steps as there are: a minute of a two-hundredth.
SHORT = "0.005"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config(drawn, tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(tiny_config(drawn)))
    return path


def test_the_command_writes_its_folder_and_nothing_else(config, tmp_path, capsys):
    run = tmp_path / "run"
    (run / "iter_3").mkdir(parents=True)
    (run / "iter_3/model.pdparams").write_bytes(b"weights")
    words = ["--config", str(config), "--save_dir", str(run), "--diagnose", SHORT]
    assert main("train", words) == 0
    assert sorted(path.name for path in run.iterdir()) == ["diagnosis", "iter_3"]
    assert (run / "iter_3/model.pdparams").read_bytes() == b"weights"
    assert sorted(path.name for path in (run / "diagnosis").iterdir()) == [
        "diagnosis.json", "labels.png", "learning_rate.png", "report.md",
    ]  # fmt: skip
    told = json.loads((run / "diagnosis/diagnosis.json").read_text())
    assert told["can_train"] and told["verdict"] in capsys.readouterr().out
    # three heads of ln 2: what zero logits cost
    none = told["examinations"]["outputs"]["measured"]["none"]
    assert none == pytest.approx(3 * math.log(2), rel=1e-5)
    for name in ("labels.png", "learning_rate.png"):
        assert min(Image.open(run / "diagnosis" / name).size) > 100


def test_exit_code_1_where_training_cannot_work(config, tmp_path, capsys):
    opts = ["--opts", "train_dataset.mask_values=index"]
    words = ["--config", str(config), "--save_dir", str(tmp_path / "run"), "--diagnose", SHORT]
    assert main("train", [*words, *opts]) == 1
    said = capsys.readouterr().out
    assert "ERROR (certain) masks_ignored" in said
    assert "Verdict: Training cannot work as it is set up: masks_ignored" in said
    report = (tmp_path / "run/diagnosis/report.md").read_text()
    assert "mask_values: binary" in report and "![labels.png](labels.png)" in report


@pytest.mark.parametrize(
    "words, told",
    [
        (["--diagnose", "0"], "expected minutes above 0"),
        (["--diagnose", "--resume_model", "there"], "leave --resume_model out"),
    ],
)
def test_what_makes_no_sense_is_refused(config, tmp_path, capsys, words, told):
    save_dir = ["--save_dir", str(tmp_path / "run")]
    assert main("train", ["--config", str(config), *save_dir, *words]) == 1
    assert told in capsys.readouterr().err and not (tmp_path / "run").exists()


@manager.LOSSES.add_component
class Stopping(paddle.nn.Layer):
    """Cannot be computed."""

    def forward(self, logits, label):
        raise TypeError("int64 times float32")


def test_what_stops_a_step_is_a_finding(config, tmp_path, capsys):
    opts = ["--opts", "loss.types=[{type: Stopping}]"]
    words = ["--config", str(config), "--save_dir", str(tmp_path / "run"), "--diagnose", SHORT]
    assert main("train", [*words, *opts]) == 1
    assert "It stopped with TypeError: int64 times float32" in capsys.readouterr().out


def test_the_verdict_is_of_the_gravest_findings():
    def verdict(*severities):
        found = [Finding(f"a_{name}", name, "likely", "", "") for name in severities]
        made = [(Examination("x", "x", 1, lambda subject: Result("")), Result("", found))]
        diagnosis = Diagnosis(made, "", 1.0)
        return diagnosis.can_train, diagnosis.verdict

    assert verdict("note") == (True, "Nothing stands in the way of training.")
    can, words = verdict("note", "warning")
    assert can and words.endswith("will hold it back: a_warning.")
    can, words = verdict("warning", "error", "note")
    assert not can and "a_error" in words and "a_warning" not in words


def test_a_floor_of_the_loss_is_told(pairs):
    @manager.LOSSES.add_component
    class Shifted(paddle.nn.Layer):
        """Never below 1, as two-channel BCE of PaddleSeg 2.8.0."""

        def forward(self, logits, label):
            bce = paddle.nn.functional.binary_cross_entropy_with_logits
            return 1 + bce(logits[:, 0], label)

    config = pairs.config()
    config["loss"]["types"] = [{"type": "Shifted"}]
    (found,) = examined(config, "outputs")
    # three heads: 3 for the right answer, 3 (1 + ln 2) for none
    assert found.name == "loss_has_a_floor" and "costs 3, no answer 5.08" in found.message


def test_a_stage_without_gradient_is_named(pairs):
    from paddleseg_u2net.models import U2Net

    @manager.MODELS.add_component
    class WithAnIdleStage(U2Net):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.idle = paddle.nn.Conv2D(3, 3, 1)

    config = pairs.config()
    config["model"]["type"] = "WithAnIdleStage"
    (found,) = examined(config, "gradients")
    assert found.name == "stages_without_gradient" and found.message.startswith("idle:")


def test_shares_of_labels_by_hand():
    label = np.array([[0, 1, 255, 255]], np.float32)
    np.testing.assert_allclose(shares(label, 1, 255), [0.5, 0.5, 0.5])
    soft = np.array([[0.25, 0.75, 0.5, 0.5]], np.float32)
    np.testing.assert_allclose(shares(soft, 1, 255), [0.5, 0.5, 0])
    classes = np.array([[0, 2, 2, 255]], np.uint8)
    np.testing.assert_allclose(shares(classes, 3, 255), [1 / 3, 0, 2 / 3, 0.25])


def test_overlap_is_scikit_learns():
    from sklearn.metrics import jaccard_score

    rng = np.random.default_rng(0)
    found, label = rng.integers(0, 3, (2, 4, 16, 16))
    label[0, 0] = 255
    valid = label != 255
    expected = jaccard_score(label[valid], found[valid], labels=[1, 2], average="macro")
    assert overlap(found, label, 255) == pytest.approx(expected)
    logits = paddle.to_tensor([[[[-1.0, 2.0]]]])
    assert answered(logits).tolist() == [[[0, 1]]]


def test_averages_are_weighted_means_of_what_was_before():
    losses = np.array([4.0, 1.0, 3.0])
    weights = 0.6 ** np.arange(3)[::-1]
    assert smoothed(losses)[-1] == pytest.approx((weights * losses).sum() / weights.sum())


def test_the_proposal_is_a_third_of_the_best_rate():
    rates = np.geomspace(1e-5, 1, 51)
    # a valley at 1e-2, from 2 down to 1 and up again
    loss = 2 - np.exp(-((np.log10(rates) + 2) ** 2))
    proposal, end = proposed(rates, loss)
    assert proposal == pytest.approx(1e-2 / 3)
    # risen by a quarter: exp(-x^2) = .75 at x = .536 decades
    assert end == pytest.approx(10 ** (-2 + 0.536), rel=0.25)


def test_the_docs_name_every_finding_and_no_other():
    findings = set()
    for path in Path(examinations.__path__[0]).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                findings.add(node.args[0].value)
    text = (ROOT / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    # these two stand in sentences
    assert findings == named | {"reading_is_slow", "examination_failed"}


def test_an_examination_takes_no_name_of_another():
    with pytest.raises(ValueError, match="examination overfit: the name is taken"):
        register(Examination("overfit", "something else", 99, lambda subject: Result("")))
