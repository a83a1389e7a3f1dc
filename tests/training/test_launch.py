"""Two processes of paddle.distributed.launch are one run: one model, one score, one loss."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.training.loader import Schedule, train_loader
from tests.conftest import tiny_config
from tests.training.runs import trainer_of

pytestmark = pytest.mark.slow
# What each process does, one after another; what it says of each is kept beside the script.
_DRIVER = """
import contextlib, io, json, sys, time
from pathlib import Path
from paddleseg_u2net.commands import main
from paddleseg_u2net.training.distributed import Distributed, processes
processes._LATER = 1  # seconds by which others fail after the first
every = Distributed()
time.sleep(every.rank)
came = [item["at"] for item in every.gather({"at": time.time()})]
done = {"late": [came, time.time()]}
for name, command, *words in json.load(open(sys.argv[1])):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(command, [*words, "--device", "cpu"])
    done[name] = [code, said.getvalue()]
Path(sys.argv[1]).with_name(f"{every.rank}.json").write_text(json.dumps(done))
every.wait()
sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the processes trained (``run``, ``resumed``, ``busy``) and predicted (``shared``)."""
    return tmp_path_factory.mktemp("launched")


@pytest.fixture(scope="module")
def launched(folder, drawn):
    """What two processes said of their jobs, by rank, and the exit code of both."""
    own_statistics = {**tiny_config(drawn), "trainer": {"sync_batchnorm": False}}
    (folder / "config.yml").write_text(yaml.safe_dump(own_statistics))
    train = ["train", "--config", folder / "config.yml", "--do_eval", "--use_ema"]
    train += ["--save_interval", 2, "--log_iters", 1, "--save_dir"]
    model = ["--model_path", folder / "run/best_model"]
    pictures = ["--image_path", images(folder, drawn)]
    jobs = [
        ["run", *train, folder / "run"],
        ["resumed", *train, folder / "resumed", "--resume_model", folder / "run/iter_2"],
        ["shared", "predict", "--save_dir", folder / "shared", *model, *pictures],
        ["busy", *train, folder / "busy"],
    ]
    (folder / "jobs.json").write_text(json.dumps([[str(word) for word in job] for job in jobs]))
    (folder / "driver.py").write_text(_DRIVER)
    launch = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", "2"]
    words = [*launch, "--log_dir", folder / "log", folder / "driver.py", folder / "jobs.json"]
    with locked(folder / "busy/run"):
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=250)
    said = [folder / f"{rank}.json" for rank in (0, 1)]
    assert all(path.is_file() for path in said), done.stdout + done.stderr
    return [json.loads(path.read_text()) for path in said], done.returncode


@pytest.fixture
def trained(launched, folder):
    """The folder of a run, and what its first process said."""
    first, other = launched[0]
    assert first["run"][0] == other["run"][0] == 0, first["run"][1] + other["run"][1]
    return folder / "run", first["run"][1]


def images(folder, drawn):
    """Seven pictures, two of them broken and two of one name."""
    pictures = folder / "images"
    pictures.mkdir()
    for path in sorted(drawn.glob("images/*"))[:3]:
        shutil.copy(path, pictures)
    shutil.copy(path, pictures / "twin.jpg")
    shutil.copy(path, pictures / "twin.png")
    (pictures / "aa_broken.png").write_text("none")
    (pictures / "ab_broken.png").write_text("none")
    return pictures


def test_the_score_recorded_is_that_of_the_model_saved(trained, tmp_path):
    for name in ("best_model", "ema_best_model"):
        scores = tmp_path / f"{name}.json"
        words = ["--model_path", trained[0] / name, "--json", scores, "--backend", "paddle"]
        assert main("val", [str(word) for word in (*words, "--threads", 1, "--device", "cpu")]) == 0
        recorded = json.loads((trained[0] / name / "state.json").read_text())["scores"]
        again = json.loads(scores.read_text())
        for key, value in recorded.items():
            assert np.allclose(value, again[key], rtol=1e-12, atol=0, equal_nan=True), key


def test_a_resumed_run_has_the_scores_of_one_that_was_not(trained, folder):
    # with the SHA-256 of all files
    states = [(folder / run / "iter_4/state.json").read_text() for run in ("run", "resumed")]
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


def test_a_process_that_comes_late_is_waited_for(launched):
    came, met = launched[0][0]["late"]
    assert came[1] - came[0] > 0.5 and met > came[1]


def test_a_folder_that_another_run_has_is_refused_to_all(launched, folder):
    said, code = launched
    assert code == 1 and [process["busy"][0] for process in said] == [1, 1]
    assert "another run is training there" in said[0]["busy"][1]
    assert list((folder / "busy").iterdir()) == []


def test_predict_shares_the_images_out(trained, launched, folder):
    (code, said), (_, other) = (process["shared"] for process in launched[0])
    assert code == 1 and "Done: 5 of 7 images" in said + other
    for name in ("aa_broken", "ab_broken"):
        assert f"{name}.png: expected a picture" in said + other
    words = ["--image_path", folder / "images", "--model_path", folder / "run/best_model"]
    words += ["--save_dir", folder / "alone"]
    assert main("predict", [str(word) for word in words]) == 1
    shared, alone = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")}
        for root in (folder / "shared", folder / "alone")
    )
    assert len(shared) == 3 * 5
    assert shared == alone
