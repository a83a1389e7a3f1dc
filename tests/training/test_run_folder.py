"""A run has its folder to itself, and knows before the first step that it can be saved there."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml

from paddleseg_u2net.commands import main, quickstart
from paddleseg_u2net.io import files
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.training import checkpoint, run_folder
from paddleseg_u2net.training.distributed import Distributed
from tests.training.runs import EVERY_SECOND, train, trainer_of


def test_a_second_run_in_a_folder_is_refused(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.0)
    config, run = tmp_path / "config.yml", tmp_path / "run"
    config.write_text(yaml.safe_dump(tiny))
    run.mkdir()
    (tmp_path / "link").symlink_to(run)
    with run_folder.reserved(run, Distributed()):
        for folder in (run, tmp_path / "link"):
            words = ["--config", str(config), "--save_dir", str(folder), "--device", "cpu"]
            assert main("train", words) == 1
            assert "another run is training there; let it end" in capsys.readouterr().err


def test_a_start_that_fails_leaves_no_folder(tmp_path, tiny):
    tiny["train_dataset"]["dataset_root"] = "nowhere"
    (tmp_path / "config.yml").write_text(yaml.safe_dump(tiny))
    words = ["--config", str(tmp_path / "config.yml"), "--device", "cpu", "--save_dir"]
    assert main("train", [*words, str(tmp_path / "run")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]


def test_quickstart_deletes_no_run_that_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.0)
    (tmp_path / "run/iter_1").mkdir(parents=True)
    running = locked(tmp_path / "run/run")
    with running, pytest.raises(ValueError, match="another run is training there"):
        quickstart.run(["--save_dir", str(tmp_path)])
    assert (tmp_path / "run/iter_1").is_dir()


def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with run_folder.reserved(tmp_path / "run", Distributed()):
        assert "knows no locks" in caplog.text


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="another user")
def test_a_read_only_folder_is_found_at_once():
    folder = Path(tempfile.mkdtemp())  # a parent of tmp_path is closed to other users
    folder.chmod(0o555)
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            with run_folder.reserved(folder, Distributed()):
                os._exit(1)
        except OSError as error:
            os._exit(0 if f"--save_dir {folder}: cannot be written" in str(error) else 2)
    assert os.waitpid(pid, 0)[1] == 0
    folder.rmdir()


def test_too_little_space_is_found_before_the_first_step(tmp_path, tiny, monkeypatch):
    trainer = trainer_of(tiny, tmp_path / "run", do_eval=True)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=400_000))
    with pytest.raises(OSError, match=r"a checkpoint needs 1\.\d MB, and 0\.4 MB are free"):
        trainer.run()
    assert trainer.iteration == 0


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no way to ask for room")
def test_a_quota_is_found_before_the_first_step(tmp_path, tiny, monkeypatch):
    def full(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    trainer = trainer_of(tiny, tmp_path / "run")
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="Disk quota exceeded: .*probe"):
        trainer.run()
    assert trainer.iteration == 0 and list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("optimizer", ["Adam", "Momentum"])
def test_the_space_asked_for_is_what_a_save_takes(tmp_path, tiny, optimizer):
    tiny.update(iters=1, optimizer={"type": optimizer})
    # weights that outweigh the small files
    tiny["model"]["stages"] = {"encoder": [[3, 64, 64], ["2F", 64, 64]], "decoder": [[3, 64, 64]]}
    trainer = train(tiny, tmp_path, do_eval=True, use_ema=True)
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert taken <= trainer._size_of_a_save() <= taken + 1_200_000


def test_a_resumed_run_deletes_old_checkpoints(run, six):
    train(six, run, keep_checkpoint_max=2, resume_model=str(run), **EVERY_SECOND)
    assert [path.name for path in checkpoint.iterations(run)] == ["iter_4", "iter_6"]


def test_a_folder_that_is_deleted_is_never_found_in_half(tmp_path, monkeypatch):
    (tmp_path / "iter_1").mkdir()
    (tmp_path / "iter_1/state.json").write_text("{}")

    def killed(path):
        assert not (tmp_path / "iter_1").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        files.remove_dir(tmp_path / "iter_1")
    monkeypatch.undo()
    monkeypatch.setattr(files, "_in_use", lambda *_: False)
    checkpoint.recover(tmp_path)
    assert list(tmp_path.iterdir()) == []
