"""Pictures that memory does not hold, or that only claim to be so large, are named."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.io.images import ImageError, read_image, read_mask
from paddleseg_u2net.predictor.predictor import as_image
from tests.prediction.making import picture

# 16 bits a pixel make a row that Pillow's counter of bits does not hold: a MemoryError at once.
LONGEST = 134_228_553


def tiff(path: Path, width: int, height: int, bits=(16,), data=bytes(64)) -> Path:
    """An uncompressed TIFF whose header claims a size."""
    photometric = 1 if len(bits) == 1 else 2
    packed = struct.pack(f"<{len(bits)}H", *bits)
    place = 8 + 2 + 12 * 9 + 4  # of what stands behind the directory
    stored = bits[0] if len(bits) == 1 else place
    offset = place + len(packed)
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, len(bits), stored), (259, 3, 1, 1)]
    tags += [(262, 3, 1, photometric), (273, 4, 1, offset), (277, 3, 1, len(bits))]
    tags += [(278, 4, 1, height), (279, 4, 1, len(data))]
    directory = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"II*\0\x08\0\0\0" + directory + bytes(4) + packed + data)
    return path


@pytest.mark.parametrize("read", [read_image, as_image])
@pytest.mark.parametrize("bits", [(16,), (8, 8, 8)])
def test_a_claim_of_a_long_row_names_the_file(tmp_path, read, bits):
    path = tiff(tmp_path / "a.tif", LONGEST, 1, bits)
    with pytest.raises(ImageError, match=rf"^{path}: .*memory.* {LONGEST} x 1 pixels"):
        read(path)


def test_scoring_names_the_file_or_leaves_it_out(tmp_path, capsys):
    array = np.zeros((6, 8), np.uint8)
    array[2:4] = 255
    for folder in ("maps", "masks"):
        picture(tmp_path / folder / "a.png", array)
    picture(tmp_path / "masks" / "b.png", array)
    path = tiff(tmp_path / "maps" / "b.tif", LONGEST, 1)
    words = ["--pred_dir", str(tmp_path / "maps"), "--gt_dir", str(tmp_path / "masks")]
    assert main("eval_maps", words) == 1
    assert str(path) in capsys.readouterr().err
    assert main("eval_maps", [*words, "--skip_bad"]) == 0
    assert str(path) in "".join(capsys.readouterr())


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
