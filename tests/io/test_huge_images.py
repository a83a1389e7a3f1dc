"""Pictures that memory does not hold, or that only claim to be so large, are named."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.io.images import ImageError, read_image, read_mask
from paddleseg_u2net.predictor.predictor import as_image
from tests.prediction.making import picture

# 16 bits a pixel make a row that Pillow's counter of bits does not hold: a MemoryError at once.
LONGEST = 134_228_553


@pytest.mark.parametrize("read", [read_image, as_image])
def test_a_claim_of_a_long_row_names_the_file(tmp_path, read):
    """An uncompressed TIFF whose header claims one row of grey values."""
    path = tmp_path / "a.tif"
    tags = [(256, 4, 1, LONGEST), (257, 4, 1, 1), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 122), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 64)]
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.write_bytes(b"II*\0\x08\0\0\0" + directory + bytes(4 + 64))
    with pytest.raises(ImageError, match=rf"^{path}: .*memory.* {LONGEST} x 1 pixels"):
        read(path)


def test_a_want_of_memory_later_on_names_the_file(tmp_path, monkeypatch):
    """As numpy raises it where a copy or a float array does not fit any more."""
    path = picture(tmp_path / "a.png", np.zeros((4, 5), np.uint8))

    def no_room(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr(np, "ascontiguousarray", no_room)
    for read in (read_image, read_mask):
        with pytest.raises(ImageError, match=rf"^{path}: it needs more memory than there is"):
            read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory that holds")
def test_under_a_limit_of_memory(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (12000, 12000)).save(path, compress_level=1)
    code = (
        "import resource, sys\nfrom paddleseg_u2net.io.images import ImageError, read_image\n"
        "resource.setrlimit(resource.RLIMIT_AS, (600 << 20,) * 2)\n"
        "try: read_image(sys.argv[1])\nexcept ImageError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: ") and "memory" in done.stdout
