"""``epochs``: how many steps they are, which rates these have, and that a run goes on from one."""

import re
import shutil

import pytest
import yaml

from paddleseg_u2net.commands import main
from paddleseg_u2net.config import Config
from paddleseg_u2net.training.diagnosis.subject import Subject
from tests.training.runs import outcome, train, trainer_of


def in_epochs(tree, number, **keys):
    return {
        **{key: value for key, value in tree.items() if key != "iters"},
        "epochs": number,
        **keys,
    }


def test_a_run_of_epochs_is_that_of_as_many_iterations(tmp_path, tiny, log):
    """8 pairs in batches of 3 are 2 full ones: three epochs are 6 steps, of the same rates."""
    tiny["batch_size"] = 3
    train(in_epochs(tiny, 3), tmp_path / "epochs", do_eval=True, log_iters=1)
    assert "3 epochs x 2 batches = 6 iterations" in log.text
    numbers = re.findall(r"epoch: (\d+), iter: (\d+)/6, loss: ([\d.]+), lr: ([\d.]+)", log.text)
    assert [number[:2] for number in numbers] == [(str(i // 2 + 1), str(i + 1)) for i in range(6)]
    # the polynomial falls to 0 at the sixth step
    rates = [float(number[3]) for number in numbers]
    assert rates == pytest.approx([0.01 * (1 - i / 6) ** 0.9 for i in range(6)], abs=1e-6)
    assert log.text.count("[EVAL] The model") == 3  # one validation an epoch
    log.clear()
    train({**tiny, "iters": 6}, tmp_path / "iters", do_eval=True, save_interval=2, log_iters=1)
    again = re.findall(r"epoch: (\d+), iter: (\d+)/6, loss: ([\d.]+), lr: ([\d.]+)", log.text)
    assert again == numbers and "epochs x" not in log.text


def test_accumulated_batches_are_counted(tmp_path, tiny, log):
    trainer = trainer_of(in_epochs(tiny, 3, trainer={"accumulate": 5}), tmp_path)
    assert trainer.config.iters == 2  # 12 batches
    assert "3 epochs x 4 batches / 5 (trainer.accumulate) = 2 iterations" in log.text


def test_it_resumes_from_what_it_saved(tmp_path, tiny):
    tree = in_epochs(tiny, 2)
    train(tree, tmp_path / "whole", keep_checkpoint_max=0)
    saved = tmp_path / "whole/iter_4"
    assert saved.is_dir() and (tmp_path / "whole/iter_8").is_dir()
    shutil.copytree(saved, tmp_path / "part/iter_4")
    own = yaml.safe_load((saved / "config.yaml").read_text())
    assert own["epochs"] == 2 and "iters" not in own
    train(own, tmp_path / "part", keep_checkpoint_max=0, resume_model=str(tmp_path / "part"))
    assert outcome(tmp_path / "part", 8) == outcome(tmp_path / "whole", 8)


def test_the_flag_overrides_the_configuration(tmp_path, tiny, capsys):
    path = tmp_path / "tiny.yml"
    path.write_text(yaml.safe_dump(tiny))
    words = ["--config", str(path), "--save_dir", str(tmp_path / "run"), "--epochs", "1"]
    assert main("train", words) == 0
    assert "1 epoch x 4 batches = 4 iterations" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main("train", [*words, "--iters", "3"])
    assert "--iters: not allowed with argument --epochs" in capsys.readouterr().err


def test_the_doctor_counts_them_too(tiny):
    config = Config(in_epochs(tiny, 3))
    Subject(config, seed=0, num_workers=0, seconds=1.0)
    assert config.iters == 12
