"""A run has its folder to itself, and knows before the first step that it can be saved there."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from paddleseg_u2net.commands import quickstart
from paddleseg_u2net.config import Config
from paddleseg_u2net.io import files
from paddleseg_u2net.io.locks import locked
from paddleseg_u2net.training import checkpoint, run_folder
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.trainer import RunOptions, Trainer

ROOT = Path(__file__).resolve().parents[2]


def _start(config: Path, run: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "tools/train.py"), "--config", str(config)]
    command += ["--save_dir", str(run), "--save_interval", "1", "--device", "cpu", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills")
def test_a_second_run_in_a_folder_is_refused(tmp_path, tiny):
    config, run = tmp_path / "config.yml", tmp_path / "run"
    config.write_text(yaml.safe_dump({**tiny, "iters": 1_000_000}))
    first = _start(config, run, "--num_workers", "2", "--keep_checkpoint_max", "2")
    try:
        until = time.monotonic() + 60
        while not checkpoint.iterations(run):
            assert time.monotonic() < until and first.poll() is None
            time.sleep(0.1)
        (tmp_path / "link").symlink_to(run)
        others = [
            _start(config, run),
            _start(config, tmp_path / "link", "--resume_model", str(run)),
        ]
        for other in others:
            said = other.communicate()[0]
            assert other.returncode == 1
            named = rf"another run is training there \(host .+, process {first.pid}, started 20\d\d"
            assert re.search(named, said), said
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    resumed = _start(config, run, "--iters", "1", "--resume_model", str(run))
    assert "Resumed from" in resumed.communicate()[0]
    assert resumed.returncode == 0
    assert not list(run.glob(".*"))


def test_quickstart_deletes_no_run_that_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.0)
    (tmp_path / "run/iter_1").mkdir(parents=True)
    said = r"another run is training there \(host here, process 7\)"
    running = locked(tmp_path / "run/run", owner="host here, process 7")
    with running, pytest.raises(ValueError, match=said):
        quickstart.run(["--save_dir", str(tmp_path)])
    assert (tmp_path / "run/iter_1").is_dir()


def test_a_file_system_without_locks_is_told_and_used(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with run_folder.reserved(tmp_path / "run", Distributed()):
        assert "knows no locks" in caplog.text


def test_a_forked_worker_does_not_keep_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "_PATIENCE", 0.0)
    owner = os.fork()
    if owner == 0:
        with run_folder.reserved(tmp_path, Distributed()):
            worker = os.fork()
            if worker == 0:
                time.sleep(60)
                os._exit(0)
            (tmp_path / "worker").write_text(str(worker))
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(owner, 0)
    try:
        with run_folder.reserved(tmp_path, Distributed()):
            pass
    finally:
        os.kill(int((tmp_path / "worker").read_text()), signal.SIGKILL)


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
    trainer = Trainer(Config(tiny), RunOptions(save_dir=str(tmp_path / "run"), do_eval=True))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=400_000))
    monkeypatch.setattr(trainer, "_step", lambda *_: pytest.fail("a step was made"))
    with pytest.raises(OSError, match=r"a checkpoint needs 1\.\d MB, and 0\.4 MB are free"):
        trainer.run()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no way to ask for room")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_is_found_before_the_first_step(tmp_path, tiny, monkeypatch, code):
    def full(*_):
        raise OSError(code, os.strerror(code))

    trainer = Trainer(Config(tiny), RunOptions(save_dir=str(tmp_path / "run")))
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(trainer, "_step", lambda *_: pytest.fail("a step was made"))
    with pytest.raises(OSError, match="could not be written: no space left"):
        trainer.run()
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("optimizer", ["Adam", "Momentum"])
def test_the_space_asked_for_is_what_a_save_takes(tmp_path, tiny, optimizer):
    tiny.update(iters=1, optimizer={"type": optimizer})
    # weights that outweigh the small files
    tiny["model"]["stages"] = {"encoder": [[3, 64, 64], ["2F", 64, 64]], "decoder": [[3, 64, 64]]}
    options = RunOptions(save_dir=str(tmp_path), do_eval=True, use_ema=True)
    trainer = Trainer(Config(tiny), options)
    trainer.run()
    taken = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert taken <= trainer._size_of_a_save() <= taken + 1_200_000


def test_a_resumed_run_deletes_old_checkpoints(tmp_path, tiny):
    options = {"save_dir": str(tmp_path), "save_interval": 1}
    Trainer(Config(tiny), RunOptions(keep_checkpoint_max=3, **options)).run()
    again = RunOptions(keep_checkpoint_max=2, resume_model=str(tmp_path), **options)
    Trainer(Config(tiny), again).run()
    assert [path.name for path in checkpoint.iterations(tmp_path)] == ["iter_3", "iter_4"]


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
