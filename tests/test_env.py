"""What the process is told of the machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from paddleseg_u2net.env import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def work():
    parts = [bytearray(20_000_000) for _ in range(3)]
for _ in range(2):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_fetched(how, **env):
    """Of the system, while memory is taken and freed again and again."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    words = [sys.executable, "-c", FAULTS, how]
    found = subprocess.run(words, env={**kept, **env}, check=True, capture_output=True, text=True)
    return int(found.stdout)


@pytest.mark.skipif(
    sys.platform != "linux" or not os.confstr("CS_GNU_LIBC_VERSION"), reason="of glibc"
)
def test_freed_memory_is_kept_unless_users_say_otherwise():
    plain = pages_fetched("plain")
    assert pages_fetched("kept") < plain / 10
    assert pages_fetched("kept", MALLOC_TRIM_THRESHOLD_="131072") > plain / 2
