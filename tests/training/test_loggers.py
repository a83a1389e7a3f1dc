"""Experiment loggers: what each is given, read back by its own tool, and what is refused."""

import io
import json
import math
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.config.reading import flat
from paddleseg_u2net.signals import Terminated, heard
from paddleseg_u2net.training.loggers import LOGGERS, RunLogger, chosen, register
from paddleseg_u2net.training.trainer import Diverged
from tests.training.runs import train, trainer_of

TRAIN = {"Train/loss", "Train/loss_0", "Train/loss_2", "Train/lr", "Train/reader_cost"}
CURVES = ["Precision and recall", "F-measure", "E-measure", "ROC of all pixels"]
PICTURES = {*(f"Curves/{name}" for name in CURVES), "Images/1", "Images/2"}


@pytest.fixture
def said(monkeypatch):
    """What a logger named memory was told: its calls, as they came."""
    for name in dict(LOGGERS):
        monkeypatch.setitem(LOGGERS, name, LOGGERS[name])
    calls = []

    @register("memory")
    class Memory(RunLogger):
        def __init__(self, run):
            super().__init__(run)
            calls.append(("open", run))

        def scalars(self, values, iteration):
            calls.append(("scalars", iteration, values))

        def picture(self, name, picture, iteration):
            calls.append(("picture", iteration, name, picture))

        def close(self, failed):
            calls.append(("close", failed))

    yield calls
    del LOGGERS["memory"]


@pytest.fixture
def two_pictures(tiny):
    return {**tiny, "iters": 2, "trainer": {"vdl_images": 2}}


def test_a_logger_is_told_of_the_whole_run(tmp_path, two_pictures, said):
    options = {"do_eval": True, "use_ema": True, "log_iters": 1, "loggers": ["memory", "memory"]}
    train(two_pictures, tmp_path, **options)
    opened, closed = said[0][1], said[-1]
    assert (opened.save_dir, opened.start, opened.best) == (tmp_path, 0, "Evaluate/mIoU")
    assert opened.settings["model.type"] == "U2Net" and opened.settings["use_ema"] is True
    assert opened.settings["train_dataset.transforms.1.crop_size"] == "[32, 32]"
    assert "num_classes: 1" in opened.config and closed == ("close", False)
    scalars = [call[1:] for call in said if call[0] == "scalars"]
    assert [step for step, _ in scalars] == [1, 2, 2, 2]
    assert set(scalars[0][1]) >= TRAIN and {"Evaluate/mIoU", "Evaluate/MAE"} <= set(scalars[2][1])
    assert "Evaluate/ema_mIoU" in scalars[3][1]
    assert all(type(value) is float for _, values in scalars for value in values.values())
    pictures = {call[2]: call[3] for call in said if call[0] == "picture"}
    assert set(pictures) >= PICTURES
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in pictures.values())


def test_one_that_fails_is_left_out_and_training_goes_on(tmp_path, tiny, said, log):
    @register("broken")
    class Broken(RunLogger):
        def scalars(self, values, iteration):
            raise ConnectionError("the server\nis gone")

    try:
        trainer = train(tiny, tmp_path, log_iters=1, loggers=["broken", "memory"])
    finally:
        del LOGGERS["broken"]
    assert trainer.iteration == 4 and sum(call[0] == "scalars" for call in said) == 4
    assert log.text.count("Broken is left out from here on: ConnectionError: the server is") == 1


def test_a_signal_waits_until_a_record_is_written(tmp_path, tiny, said):
    whole = []

    @register("slow")
    class Slow(RunLogger):
        def scalars(self, values, iteration):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)  # between these two it would be raised
            whole.append(iteration)

        def close(self, failed):
            whole.append(failed)

    try:
        with pytest.raises(Terminated), heard():
            train(tiny, tmp_path, log_iters=1, loggers=["slow", "memory"])
    finally:
        del LOGGERS["slow"]
    assert whole == [1, True]
    # the other one got the numbers of that step, too, and was closed
    assert [call[0] for call in said] == ["open", "scalars", "close"]


def test_a_run_that_fails_is_called_so(tmp_path, tiny, said):
    tiny["optimizer"], tiny["lr_scheduler"]["learning_rate"] = {"type": "SGD"}, 1e30
    with pytest.raises(Diverged):
        train(tiny, tmp_path, loggers=["memory"])
    assert said[-1] == ("close", True)


def test_one_that_cannot_be_opened_ends_the_others(tmp_path, tiny, said, monkeypatch):
    class Closed(RunLogger):
        def __init__(self, run):
            raise ValueError("no key")

        def scalars(self, values, iteration):
            raise AssertionError

    monkeypatch.setitem(LOGGERS, "closed", Closed)
    with pytest.raises(ValueError, match="no key"):
        train(tiny, tmp_path, loggers=["memory", "closed"])
    assert [call[0] for call in said] == ["open", "close"] and said[-1] == ("close", True)
    assert not list(tmp_path.glob("iter_*"))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["tensorbord"], "expected some of visualdl, tensorboard, .*; did you mean tensorboard"),
        (["nowhere"], "--loggers nowhere: needs no_such_package, which .*: pip install it"),
    ],
)
def test_what_cannot_be_had_is_said_before_training(tmp_path, tiny, monkeypatch, names, words):
    kind = type(
        "Nowhere", (RunLogger,), {"packages": ("no_such_package",), "install": "pip install it"}
    )
    monkeypatch.setitem(LOGGERS, "nowhere", kind)
    with pytest.raises(ValueError, match=words):
        trainer_of(tiny, tmp_path, loggers=names)
    assert chosen([]) == [] and not list(tmp_path.iterdir())


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(ValueError, match="logger visualdl: the name is taken"):
        register("visualdl")(RunLogger)


def test_settings_are_flat():
    tree = {"a": {"b": [1, 2], "c": [{"d": None, "e": "x"}]}, "f": True, "g": None, "h": []}
    assert flat(tree) == {"a.b": "[1, 2]", "a.c.0.e": "x", "f": True}


def _events(folder):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = reading.EventAccumulator(str(folder), {"images": 0, "scalars": 0, "tensors": 0})
    return found.Reload()


def test_tensorboard_reads_its_files_back(tmp_path, two_pictures, said):
    pytest.importorskip("tensorboard")
    loggers = ["tensorboard", "memory"]
    train(two_pictures, tmp_path, do_eval=True, log_iters=1, loggers=loggers)
    events = _events(tmp_path / "tensorboard")
    told = [call[1:] for call in said if call[0] == "scalars"]
    for step, values in told:
        for name, value in values.items():
            (found,) = [event.value for event in events.Scalars(name) if event.step == step]
            assert found == pytest.approx(value, rel=1e-6, nan_ok=True)  # float32
    pictures = {call[2]: call[3] for call in said if call[0] == "picture"}
    assert set(events.Tags()["images"]) == set(pictures) == PICTURES
    for name, picture in pictures.items():
        image = Image.open(io.BytesIO(events.Images(name)[0].encoded_image_string))
        np.testing.assert_array_equal(np.asarray(image), picture)
    (text,) = events.Tensors("configuration")[0].tensor_proto.string_val
    assert b"    batch_size: 2\n" in text
    from tensorboard.plugins.hparams import plugin_data_pb2

    (tag,) = [t for t in events.summary_metadata if t.endswith("session_start_info")]
    content = events.summary_metadata[tag].plugin_data.content
    kept = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert kept["model.type"].string_value == "U2Net" and kept["batch_size"].number_value == 2


def test_tensorboard_forgets_what_a_resumed_run_makes_anew(tmp_path, tiny):
    pytest.importorskip("tensorboard")
    options = {"log_iters": 1, "loggers": ["tensorboard"], "save_interval": 2}
    train(tiny, tmp_path, **options)
    for path in (tmp_path / "iter_4").iterdir():
        path.unlink()
    (tmp_path / "iter_4").rmdir()  # as if it had been killed before it was saved
    train(tiny, tmp_path, resume_model=str(tmp_path), **options)
    losses = _events(tmp_path / "tensorboard").Scalars("Train/loss")
    assert [event.step for event in losses] == [1, 2, 3, 4]
    assert all(math.isfinite(event.value) for event in losses)


def test_mlflow_continues_the_run_that_is_resumed(tmp_path, two_pictures, said, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    options = {"do_eval": True, "log_iters": 1, "loggers": ["mlflow", "memory"]}
    train(two_pictures, tmp_path / "run", **options)
    (tmp_path / "run/best_model").rename(tmp_path / "run/elsewhere")
    longer = {**two_pictures, "iters": 3}
    train(longer, tmp_path / "run", resume_model=str(tmp_path / "run"), **options)
    client = mlflow.MlflowClient()
    (experiment,) = [e for e in client.search_experiments() if e.name == "paddleseg_u2net"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "run"
    assert run.data.params["model.type"] == "U2Net" and run.data.params["batch_size"] == "2"
    for step, values in (call[1:] for call in said if call[0] == "scalars"):
        for name, value in values.items():
            kept = [m.value for m in client.get_metric_history(run.info.run_id, name)]
            steps = [m.step for m in client.get_metric_history(run.info.run_id, name)]
            assert kept[steps.index(step)] == pytest.approx(value, nan_ok=True)
    artifacts = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"Images", "Curves", "config_from_0.yaml", "config_from_2.yaml"} <= artifacts
    path = client.download_artifacts(run.info.run_id, "Images/1/00000002.png")
    (picture,) = [c[3] for c in said if c[:3] == ("picture", 2, "Images/1")]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)


def _wandb_records(path):
    """Its file is LevelDB's log: after 7 bytes blocks of 32 KiB, in them parts of records."""
    wandb_internal_pb2 = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        if left < 7:
            at += left
            continue
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def test_wandb_keeps_a_run_without_its_server(tmp_path, two_pictures, said, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = {"do_eval": True, "log_iters": 1, "loggers": ["wandb", "memory"]}
    train(two_pictures, tmp_path, **options)
    wandb.teardown()  # its process has written all when it is gone
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    records = list(_wandb_records(path))
    runs = [record.run for record in records if record.HasField("run")]
    assert runs[0].run_id == (tmp_path / "wandb_run.txt").read_text().strip()
    assert runs[0].project == "paddleseg_u2net"
    config = {item.key: item.value_json for item in runs[0].config.update}
    assert config["batch_size"] == "2" and config["model.type"] == '"U2Net"'
    rows = [
        {
            item.key or item.nested_key[0]: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records
        if record.HasField("history")
    ]
    for step, values in (call[1:] for call in said if call[0] == "scalars"):
        (row,) = [row for row in rows if row["iteration"] == step and set(values) <= set(row)]
        assert {name: row[name] for name in values} == pytest.approx(values, nan_ok=True)
    assert {name for row in rows for name in row} >= PICTURES
    assert len(list(path.parent.glob("files/media/images/Images/*.png"))) == 2
    (end,) = [record.exit.exit_code for record in records if record.HasField("exit")]
    assert end == 0
