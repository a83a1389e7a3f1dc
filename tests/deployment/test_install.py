"""The wheel, installed into a new environment without Paddle, does what its extras promise."""

from __future__ import annotations

import email
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.io.images import read_image, write_image
from paddleseg_u2net.weights import write_weights
from tests.inference.exporting import picture
from tests.weights import narrow

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = ROOT / "examples/docker/Dockerfile.dockerignore"

pytestmark = pytest.mark.slow


def run(*command, **more):
    """Run a program that has nothing of this checkout but what is installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, env=environment, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built as in the Dockerfile, of no more than what its engine is given."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in re.findall(r"^!(.*)$", CONTEXT.read_text(), re.M):
        if (ROOT / name).is_dir():
            without = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=without)
        else:
            shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    run(*build, "--wheel-dir", target, source)
    (found,) = target.iterdir()
    return found


def test_the_wheel_has_every_file_of_the_package(wheel):
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "paddleseg_u2net").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any(name.endswith("service/page/index.html") for name in here)
    assert here <= set(zipfile.ZipFile(wheel).namelist())


def test_extras_without_paddle_ask_for_none(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        asked = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist")
    for extra in ("remove", "serve", "deploy"):
        own = [line for line in asked if re.search(rf"extra == ['\"]{extra}['\"]", line)]
        assert any(line.startswith("onnxruntime") for line in own)
        assert not any("paddle" in line.lower() for line in own), own
    usual = [line for line in asked if "extra ==" not in line]
    assert usual and not any("paddle" in line.lower() for line in usual)


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """A new environment with the extra ``remove``; its folder of programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    install = [programs / "python", "-m", "pip", "install", "--quiet"]
    reach = [*install, "--dry-run", "--no-deps", "tqdm"]
    if subprocess.run(list(map(str, reach)), capture_output=True, timeout=300).returncode:
        pytest.skip("pip reaches no packages from here")
    run(*install, f"{wheel}[remove]")
    return programs


@pytest.fixture
def folder(tmp_path):
    """A folder to work in: a model of a small network, and a photograph."""
    write_weights(tmp_path / "model.pth", narrow.state())
    write_image(tmp_path / "photo.jpg", picture(60, 80))
    return tmp_path


def test_a_background_is_removed_without_paddle(environment, folder):
    run(environment / "python", "-m", "pip", "check")
    words = ["remove", "photo.jpg", "--model", "model.pth"]
    run(environment / "paddleseg_u2net", *words, cwd=folder)
    expected = read_image(folder / "photo.cutout.png", 4)
    assert expected.shape == (60, 80, 4) and len(np.unique(expected[..., 3])) > 9
    code = """
import importlib.util, sys
import numpy as np
from PIL import Image
from paddleseg_u2net import new_session, remove
assert not any(importlib.util.find_spec(name) for name in ("paddle", "paddleseg", "torch"))
found = remove(Image.open("photo.jpg"), session=new_session("model.pth"))
print(np.abs(np.asarray(found, int) - np.asarray(Image.open("photo.cutout.png"), int)).max())
print(sys.modules["paddleseg_u2net"].__file__)
"""
    difference, place = run(environment / "python", "-c", code, cwd=folder).splitlines()
    assert int(difference) == 0 and str(environment.parent) in place
    without = [environment / "paddleseg_u2net", "serve", "--model", "model.pth"]
    done = subprocess.run(list(map(str, without)), cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and "pip install 'paddleseg_u2net[serve]'" in done.stderr


def test_the_service_and_its_page_are_served(environment, wheel, folder):
    run(environment / "python", "-m", "pip", "install", "--quiet", f"{wheel}[serve]")
    words = ["serve", "--port", "0", "--model", "model.pth"]
    command = [str(environment / "paddleseg_u2net"), *words]
    served = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        lines = iter(served.stdout.readline, "")
        port = next(found[1] for line in lines if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        page = ROOT / "paddleseg_u2net/service/page"
        for path in filter(Path.is_file, page.rglob("*")):
            name = path.relative_to(page).as_posix()
            address = "/" if name == "index.html" else f"/page/{name}"
            connection.request("GET", address)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, path.read_bytes()), address
        content = (folder / "photo.jpg").read_bytes()
        connection.request("POST", "/api/remove", content, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read().startswith(b"\x89PNG")
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
        served.send_signal(signal.SIGTERM)
        assert served.wait(60) == 0
    finally:
        served.kill()
        served.communicate()
