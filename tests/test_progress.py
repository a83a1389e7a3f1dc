"""Progress as people and log files see it: a pseudo-terminal of any size, and pipes."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import textwrap

import pytest

from paddleseg_u2net import progress
from paddleseg_u2net.progress import tracked


def on_a_terminal(code, columns=80, term="xterm"):
    """What a program writes to a terminal that is ``columns`` wide."""
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    own, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    environment = {**os.environ, "TERM": term}
    environment.pop("COLUMNS", None)
    command = [sys.executable, "-c", textwrap.dedent(code)]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    read = b""
    while True:
        try:
            part = os.read(own, 65536)
        except OSError:  # Linux says so at the end
            part = b""
        if not part:
            break
        read += part
    os.close(own)
    assert process.wait() == 0, read.decode()
    return read.decode()


SLOW = """
import time
from paddleseg_u2net.progress import tracked
for number in tracked(range(4), "predicting"):
    time.sleep(0.15)
"""


@pytest.mark.parametrize("columns", [0, 200])  # 0: as many terminals in containers say
def test_a_bar_with_rate_and_time_left_on_a_terminal(columns):
    shown = on_a_terminal(SLOW, columns)
    assert re.search(r"predicting: +50%\|.*\| 2/4 \[00:00<00:00, +\d+\.\d\d images/s\]", shown)
    assert max(len(part) for part in re.split(r"[\r\n]", shown)) <= (columns or 80)
    # Gone in the end.
    assert shown.rstrip("\r").split("\r")[-1].strip() == ""


def test_a_terminal_that_cannot_go_back_gets_no_bar():
    assert on_a_terminal(SLOW, term="dumb") == ""


def test_lines_of_the_log_go_above_the_bar():
    code = """
        import time
        from paddleseg_u2net.log import logger, start_logging
        from paddleseg_u2net.progress import tracked
        start_logging()
        for number in tracked(range(4), "predicting"):
            time.sleep(0.15)
            logger.info(f"line {number}")
    """
    shown = on_a_terminal(code)
    assert "50%" in shown
    lines = [part for part in re.split(r"[\r\n]+", shown) if "line" in part]
    assert len(lines) == 4
    assert all(re.fullmatch(r"[\d :-]+\[INFO\]\tline \d", line) for line in lines)


def test_at_most_one_line_in_thirty_seconds(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    for _ in tracked(iter(range(100)), "validating", total=100):
        clock[0] += 1.5
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "validating: 20 of 100 images (20%), 0.67 images/s | ETA 00:02:00"
    assert len(lines) == 5


def test_lines_go_to_the_log_of_a_command(capsys, monkeypatch):
    from paddleseg_u2net.log import start_logging

    monkeypatch.setattr(progress, "SECONDS", 0.0)
    start_logging()
    list(tracked("abcd", "predicting"))
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4 and "[INFO]\tpredicting: 1 of 4" in out and err == ""
    start_logging(first=False)
    list(tracked("abcd", "predicting"))
    assert capsys.readouterr() == ("", "")
