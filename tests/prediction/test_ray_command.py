"""`remove --ray`, typed: the bytes of the local command, and only what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paddleseg_u2net.commands import main
from paddleseg_u2net.prediction.cluster import read_manifest
from tests.prediction.making import noise, picture, tree
from tests.prediction.s3_server import s3  # noqa: F401 (a fixture)
from tests.prediction.test_ray_workers import workers_of_ray

pytest.importorskip("ray.data", reason="Ray Data is not installed: make runtimes")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def model(narrow_weights):
    return ["--model", str(narrow_weights), "--opts", "preprocess.size=[32,32]"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Eight images in a tree, two of one stem, and one that is broken."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.jpg", "a.png", "x/b.jpg", "x/y/c.webp", "d.bmp", "e.tif")):
        picture(tmp_path / "photos" / name, noise(20 + number, 30, 3, seed=number))
    picture(tmp_path / "photos/alpha.png", noise(20, 30, 4))
    picture(tmp_path / "photos/deep.jpg", noise(40, 20, 3), quality=90, dpi=(72, 72))
    (tmp_path / "photos/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    return tmp_path / "photos"


def by_ray(source, target, model, *more):
    return main("remove", ["--ray", str(source), str(target), "--workers", "2", *more, *model])


def pictures(folder):
    return {name: data for name, data in tree(Path(folder)).items() if "_manifest" not in name}


def states(target):
    table = read_manifest(str(target)).to_pylist()
    return {row["input"].rpartition("photos/")[2]: row["state"] for row in table}


@pytest.mark.slow
def test_what_is_missing_with_the_bytes_of_the_local_command(photos, model, capsys):
    words = ["--name", "{stem}_cut{suffix}", "--background", "white", "--format", "webp"]
    assert main("remove", ["photos", "local", *words, *model]) == 1
    assert by_ray("photos", "ray", model, *words) == 1
    assert "Done: 8 of 9 images, 1 failed" in capsys.readouterr().out
    assert pictures("ray") == pictures("local")
    assert sorted(pictures("ray"))[:2] == ["a.jpg_cut.webp", "a.png_cut.webp"]
    assert {name for name, state in states("ray").items() if state != "done"} == {"broken.jpg"}
    rows = {row["input"]: row for row in read_manifest("ray").to_pylist()}
    row = rows[str(photos / "x/b.jpg")]
    assert row["output"] == str(photos.parent / "ray/x/b_cut.webp")
    assert row["bytes"] == Path(row["output"]).stat().st_size
    assert row["found"] == (row["box"] is not None) and 0 <= row["presence"] <= 1

    Path("ray/x/b_cut.webp").unlink()  # lost; one is mended, and one new
    picture(photos / "broken.jpg", noise(9, 9, 3))
    picture(photos / "new.jpg", noise(8, 9, 3))
    before = {name: (Path("ray") / name).stat().st_mtime_ns for name in pictures("ray")}
    assert by_ray("photos", "ray", model, *words) == 0
    assert "Done: 3 of 10 images, 7 were done before" in capsys.readouterr().out
    assert main("remove", ["photos", "local", *words, *model]) == 0
    assert pictures("ray") == pictures("local")
    assert all((Path("ray") / name).stat().st_mtime_ns == then for name, then in before.items())
    assert {*states("ray").values()} == {"done"}


@pytest.mark.slow
def test_from_a_store_to_a_store(photos, model, s3, capsys):  # noqa: F811
    assert main("remove", ["photos", "local", *model]) == 1
    s3.put(str(photos), "bucket/photos", recursive=True)
    assert by_ray("s3://bucket/photos", "s3://bucket/cut", model) == 1
    s3.get("bucket/cut/", "fetched/", recursive=True)
    assert pictures("fetched") == pictures("local")
    s3.rm("bucket/photos/broken.jpg")
    capsys.readouterr()
    begun = time.monotonic()
    assert by_ray("s3://bucket/photos", "s3://bucket/cut", model) == 0
    assert "8 were done before" in capsys.readouterr().out
    assert time.monotonic() - begun < 5  # no Ray is started where nothing is missing
    assert by_ray("s3://bucket/photos", "s3://bucket/cut", model, "--only", "mask") == 1
    assert "only was 'foreground', is 'mask'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_keeps_what_was_done(tmp_path, model):
    for number in range(100):
        picture(tmp_path / f"photos/{number:03}.png", noise(300, 400, 3, seed=number))
    words = ["-m", "paddleseg_u2net", "remove", "--ray", "photos", "cut", "--workers", "1", *model]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and len(list(tmp_path.glob("cut/*.png"))) < 40:
        time.sleep(0.1)
    workers = workers_of_ray()
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Interrupted." in said and "Traceback" not in said
    done = read_manifest(str(tmp_path / "cut"), ["output", "state"]).to_pylist()
    assert 16 <= len(done) < 100 and {row["state"] for row in done} == {"done"}
    assert all(Path(row["output"]).is_file() for row in done)
    assert workers and not [number for number in workers if Path(f"/proc/{number}").exists()]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a"], "expected SOURCE and TARGET, got a"),
        (["a", "b", "--json", "r.json"], "--json: is not for --ray, which writes a manifest"),
        (["a", "b", "--config", "c.yaml"], "--config: is not for --ray"),
        (["a", "b", "c"], "expected SOURCE and TARGET"),
    ],
)
def test_what_is_not_for_ray(words, says, capsys):
    with pytest.raises(SystemExit) as ended:
        main("remove", ["--ray", *words])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ray", "nothing", "out"], "nothing: expected an image"),
        (["--ray", "photos", "s4://out"], "s4://out: expected a path or an address"),
        (["--ray", "photos", "photos/a.jpg"], "photos/a.jpg: expected a folder"),
        (["--ray", "ray://host:10001", "photos", "out"], "expected HOST:PORT or auto, got Ray Cl"),
    ],
)
def test_mistakes_are_told_before_the_work(words, says, photos, model, capsys):
    assert main("remove", [*words, *model]) == 1
    assert says in capsys.readouterr().err.replace(f"{photos.parent}/", "")
    assert not Path("out").exists()


def test_an_extra_that_is_missing_is_named(photos, model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    assert main("remove", ["--ray", "photos", "out", *model]) == 1
    assert "pip install 'paddleseg_u2net[ray]'" in capsys.readouterr().err
