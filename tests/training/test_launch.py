"""Two processes of paddle.distributed.launch are one run: one model, one score, one loss."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.training.loader import Schedule, train_loader
from tests.conftest import tiny_config
from tests.training.runs import trainer_of

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def _launched(log: Path, *command: object) -> subprocess.CompletedProcess:
    launch = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", "2"]
    words = [*launch, "--log_dir", log, *command]
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=200
    )


def _launch(folder: Path, tool: str, *words: object) -> subprocess.CompletedProcess:
    return _launched(folder / "log", ROOT / f"tools/{tool}.py", *words, "--device", "cpu")


def _train(folder: Path, tiny: dict, *words: object) -> str:
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump(tiny))
    words = ("--config", config, "--do_eval", "--use_ema", "--save_interval", 2, *words)
    done = _launch(folder, "train", "--log_iters", 1, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory, drawn):
    """The folder of a run, and what it said."""
    folder = tmp_path_factory.mktemp("trained")
    return folder / "run", _train(folder, tiny_config(drawn), "--save_dir", folder / "run")


def test_the_score_recorded_is_that_of_the_model_saved(trained, tmp_path):
    for name in ("best_model", "ema_best_model"):
        scores = tmp_path / f"{name}.json"
        words = ["--model_path", trained[0] / name, "--json", scores, "--backend", "paddle"]
        assert main("val", [str(word) for word in (*words, "--threads", 1, "--device", "cpu")]) == 0
        recorded = json.loads((trained[0] / name / "state.json").read_text())["scores"]
        again = json.loads(scores.read_text())
        for key, value in recorded.items():
            assert np.allclose(value, again[key], rtol=1e-12, atol=0, equal_nan=True), key


def test_a_resumed_run_has_the_scores_of_one_that_was_not(trained, tmp_path, tiny):
    _train(tmp_path, tiny, "--save_dir", tmp_path / "b", "--resume_model", trained[0] / "iter_2")
    # with the SHA-256 of all files
    states = [(run / "iter_4/state.json").read_text() for run in (trained[0], tmp_path / "b")]
    assert states[0] == states[1]


def test_the_loss_logged_is_the_mean_over_the_processes(trained, tmp_path, tiny):
    trainer = trainer_of(tiny, tmp_path / "alone")
    trainer.model.train()
    losses = []
    for rank in (0, 1):
        schedule = Schedule(8, 2, 0, 0, 1, rank, 2)
        preprocess = trainer.config.preprocess()
        [(images, labels)] = train_loader(trainer.train_set, preprocess, schedule, 0)
        losses.append(float(trainer.criterion(trainer.model(images), labels)))
    logged = float(re.search(r"iter: 1/4, loss: ([\d.]+)", trained[1])[1])
    assert logged == pytest.approx(np.mean(losses), abs=1e-4)
    assert abs(losses[0] - losses[1]) > 1e-3


def test_a_process_that_comes_late_is_waited_for(tmp_path):
    """Before they meet in Gloo, whose patience is 30 seconds."""
    script = tmp_path / "late.py"
    script.write_text(
        "import time\nfrom paddleseg_u2net.training.distributed import Distributed\n"
        "all = Distributed()\n"
        "import paddle\n"
        "gather, met = paddle.distributed.all_gather_object, []\n"
        "def gathers(*words):\n    met.append(time.time())\n    gather(*words)\n"
        "paddle.distributed.all_gather_object = gathers\n"
        "time.sleep(3 * all.rank)\n"
        "came = [item['at'] for item in all.gather({'at': time.time()})]\n"
        "print('apart', came[1] - came[0] > 1, 'waited', met[0] > came[1])\n"
    )
    done = _launched(tmp_path / "log", script)
    assert done.returncode == 0 and "apart True waited True" in done.stdout + done.stderr


def test_a_folder_that_another_run_has_is_refused_to_all(tmp_path, tiny):
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump(tiny))
    run = tmp_path / "run"
    with locked(run / "run"):
        done = _launch(tmp_path, "train", "--config", config, "--save_dir", run)
    assert done.returncode == 1
    assert "another run is training there" in (tmp_path / "log/workerlog.0").read_text()
    assert list(run.iterdir()) == []


def test_predict_shares_the_images_out(trained, tmp_path, drawn):
    images = tmp_path / "images"
    images.mkdir()
    for path in sorted(drawn.glob("images/*"))[:3]:
        shutil.copy(path, images)
    shutil.copy(path, images / "twin.jpg")
    shutil.copy(path, images / "twin.png")
    (images / "aa_broken.png").write_text("none")
    (images / "ab_broken.png").write_text("none")
    words = ["--image_path", images, "--model_path", trained[0] / "best_model", "--save_dir"]
    done = _launch(tmp_path, "predict", *words, tmp_path / "shared")
    assert done.returncode == 1
    assert "Done: 5 of 7 images" in done.stdout + done.stderr
    for name in ("aa_broken", "ab_broken"):
        assert f"{name}.png: expected a picture" in done.stdout + done.stderr
    assert main("predict", [str(word) for word in (*words, tmp_path / "alone")]) == 1
    shared, alone = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "shared", tmp_path / "alone")
    )
    assert len(shared) == 3 * 5
    assert shared == alone
