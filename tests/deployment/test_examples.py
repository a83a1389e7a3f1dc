"""The image, the compose file and the unit run a command that there is, with the limits it has."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from paddleseg_u2net.commands.serve import _arguments

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCKERFILE = (EXAMPLES / "docker/Dockerfile").read_text()
COMPOSE = yaml.safe_load((EXAMPLES / "docker/compose.yaml").read_text())
UNIT = EXAMPLES / "systemd/paddleseg_u2net.service"
SETTINGS = re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.M)


def started_by(words):
    """The arguments of ``serve`` in a command line."""
    program, command, *rest = words
    assert Path(program).name == "paddleseg_u2net" and command == "serve"
    return _arguments(rest)


def entrypoint():
    return json.loads(re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.M)[1])


def test_the_image_is_pinned_and_does_not_run_as_root():
    assert re.search(r"^ARG PYTHON=3\.\d+\.\d+-slim-\w+$", DOCKERFILE, re.M)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["python:${PYTHON}"] * 2
    user = re.search(r"^USER (\d+)$", DOCKERFILE, re.M)[1]
    assert int(user) > 0 and f"--uid {user} " in DOCKERFILE
    assert re.search(r"^VOLUME /models$", DOCKERFILE, re.M) and "U2NET_HOME=/models" in DOCKERFILE


def test_the_image_asks_its_service_how_it_is():
    arguments = started_by(entrypoint())
    assert arguments.host == "0.0.0.0"
    assert re.search(rf"^EXPOSE {arguments.port}$", DOCKERFILE, re.M)
    check = re.search(r"^HEALTHCHECK .*\n *CMD (.*)$", DOCKERFILE, re.M)[1]
    assert f"127.0.0.1:{arguments.port}/health" in json.loads(check)[-1]


@pytest.mark.parametrize("name", ["removal", "removal-gpu"])
def test_compose_runs_a_command_that_is_understood(name):
    service = COMPOSE["services"][name]
    arguments = started_by([*entrypoint(), *service["command"]])
    assert arguments.device == ("gpu" if name == "removal-gpu" else "auto")
    assert float(service["stop_grace_period"].rstrip("s")) > arguments.grace
    (port,) = service["ports"]
    assert port == f"127.0.0.1:{arguments.port}:{arguments.port}"
    volume, place = service["volumes"][0].split(":")
    assert volume in COMPOSE["volumes"] and f"VOLUME {place}\n" in DOCKERFILE
    build = service["build"]
    context = EXAMPLES / "docker" / build["context"]
    assert (context / build["dockerfile"]).is_file() and (context / "setup.py").is_file()
    assert service["read_only"] and service["cap_drop"] == ["ALL"]


def test_the_unit_runs_a_command_that_is_understood():
    found = dict(SETTINGS)
    arguments = started_by(shlex.split(found["ExecStart"]))
    assert arguments.host == "127.0.0.1"
    assert float(found["TimeoutStopSec"]) > arguments.grace
    assert f"U2NET_HOME=/var/lib/{found['StateDirectory']}" in found["Environment"]


def test_systemd_understands_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze to read the unit with")
    text = UNIT.read_text().replace("/opt/u2net/bin/paddleseg_u2net", sys.executable)
    (tmp_path / UNIT.name).write_text(text)
    verify = ["systemd-analyze", "verify", "--man=no", tmp_path / UNIT.name]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    judge = ["systemd-analyze", "security", "--offline=true", "--threshold=20"]
    done = subprocess.run([*judge, tmp_path / UNIT.name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr  # an exposure of 2.0 of 10 at most
