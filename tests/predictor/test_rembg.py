"""Calls of rembg's, with rembg itself beside: ``U2NET_REMBG_PYTHON`` names a Python that has it.

python3.11 -m venv /tmp/rembg && /tmp/rembg/bin/pip install "rembg[cpu]==2.0.86"
U2NET_REMBG_PYTHON=/tmp/rembg/bin/python python -m pytest tests/predictor/test_rembg.py
"""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net import new_session, remove
from tests.inference.exporting import picture
from tests.weights import narrow

PYTHON = os.environ.get("U2NET_REMBG_PYTHON", "")
# The network's own size: nothing is resized, in which the two differ on purpose.
SIDE = 320
CALLS = {
    "plain": {},
    "mask": {"only_mask": True},
    "hard": {"only_mask": True, "post_process_mask": True},
    "red": {"bgcolor": (255, 0, 0, 255)},
    "half": {"bgcolor": (0, 255, 0, 128)},
    "matted": {"alpha_matting": True},
    "decontaminated": {"decontaminate": True},
}
MODES = ("RGB", "RGBA", "L", "P")

_THEIRS = f"""
import io, sys
import numpy as np
from PIL import Image
from rembg import new_session, remove
session = new_session("u2netp")
found = {{}}
image = Image.open(sys.argv[1])
for mode in {MODES!r}:
    given = image.convert(mode)
    stream = io.BytesIO()
    given.save(stream, "PNG")
    for name, call in {CALLS!r}.items():
        result = remove(given, session=session, **call)
        found[f"{{mode}} {{name}} {{result.mode}}"] = np.asarray(result)
        again = Image.open(io.BytesIO(remove(stream.getvalue(), session=session, **call)))
        assert again.format == "PNG" and again.mode == result.mode
        assert (np.asarray(again) == np.asarray(result)).all(), (mode, name)
    if mode != "P":  # whose arrays are indices
        found[f"{{mode}} array"] = remove(np.asarray(given), session=session)
np.savez(sys.argv[2], **found)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where rembg finds its weights, a small network's, and the picture."""
    if not PYTHON:
        pytest.skip("U2NET_REMBG_PYTHON: names no Python with rembg")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from paddleseg_u2net.weights.onnx_write import onnx_bytes

    folder = tmp_path_factory.mktemp("rembg")
    state = narrow.state()
    for name in ("outconv.weight", "outconv.bias"):  # sure of most pixels
        state[name] = state[name] * 40
    content = onnx_bytes(state, narrow.table(), sides=False)
    (folder / "u2netp.onnx").write_bytes(content)
    seen = Image.fromarray(picture(SIDE // 8, SIDE // 8)).resize((SIDE, SIDE), Image.BICUBIC)
    seen.save(folder / "picture.png")
    return folder


@pytest.fixture(scope="module")
def theirs(home):
    command = [PYTHON, "-c", _THEIRS, home / "picture.png", home / "found.npz"]
    environment = {**os.environ, "U2NET_HOME": str(home), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(np.load(home / "found.npz"))


@pytest.fixture(scope="module")
def session(home):
    return new_session(home / "u2netp.onnx", backend="onnxruntime", threads=1)


def of_mode(found, mode, name):
    """A result of rembg's and its mode."""
    (key,) = (key for key in found if key.startswith(f"{mode} {name} "))
    return found[key], key.split()[-1]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("mode", MODES)
def test_a_call_gives_what_it_gave(theirs, session, home, mode, name):
    expected, its_mode = of_mode(theirs, mode, name)
    given = Image.open(home / "picture.png").convert(mode)
    result = remove(given, session=session, **CALLS[name])
    found = np.asarray(result)
    assert (result.mode, found.shape, found.dtype) == (its_mode, expected.shape, expected.dtype)
    if name == "matted":  # in another band
        return
    opacity, its = (item if item.ndim == 2 else item[..., 3] for item in (found, expected))
    difference = np.abs(opacity.astype(int) - its)
    if name == "hard":  # but for a pixel of the outline, where a level decides
        assert (difference > 0).mean() < 1e-3 and set(np.unique(opacity)) == {0, 255}
        return
    # They cut the last digit off, here it is rounded.
    assert difference.max() <= 1 and (name == "red" or len(np.unique(its)) > 100)
    if name == "mask":
        return
    # In between they mix the old background in, here colours are the foreground's own.
    mask, _ = of_mode(theirs, mode, "mask")
    # Where nothing is left, its decontaminated pixels have a colour all the same.
    sure = (mask == 255) if name == "decontaminated" else np.isin(mask, (0, 255))
    assert sure.mean() > 0.01
    difference = np.abs(found[sure].astype(int) - expected[sure])
    # Nor do they keep the colours of all opaque ones.
    assert np.quantile(difference, 0.99 if name == "decontaminated" else 1) <= 1


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "P"])
def test_arrays_have_the_same_channels_in_the_same_order(theirs, session, home, mode):
    expected = theirs[f"{mode} array"]
    found = remove(np.asarray(Image.open(home / "picture.png").convert(mode)), session=session)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    sure = (expected[..., 3] == found[..., 3]) & np.isin(found[..., 3], (0, 255))
    assert sure.any()
    np.testing.assert_array_equal(found[sure], expected[sure])


@pytest.mark.realdata
def test_masks_of_photographs_are_near(shared, tmp_path):
    """Sizes differ: they resize with Lanczos' filter, here it is done as the authors do."""
    weights, folder = shared / "weights/u2netp_rembg.onnx", tmp_path / "home"
    if not PYTHON or not weights.is_file():
        pytest.skip("U2NET_REMBG_PYTHON: names no Python with rembg, or its weights are missing")
    folder.mkdir()
    (folder / "u2netp.onnx").write_bytes(weights.read_bytes())
    photographs = sorted((shared / "data/ecssd_300").glob("*/*.jpg"))[::60]
    code = f"""
import sys
import numpy as np
from PIL import Image
from rembg import new_session, remove
session = new_session("u2netp")
paths = {[str(path) for path in photographs]!r}
masks = [np.asarray(remove(Image.open(path), session=session, only_mask=True)) for path in paths]
np.savez(sys.argv[1], *masks)
"""
    environment = {**os.environ, "U2NET_HOME": str(folder), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    command = [PYTHON, "-c", code, tmp_path / "masks.npz"]
    subprocess.run(command, env=environment, check=True, timeout=300)
    session = new_session(folder / "u2netp.onnx", backend="onnxruntime", threads=1)
    errors, overlaps = [], []
    for path, its in zip(photographs, np.load(tmp_path / "masks.npz").values()):
        found = np.asarray(remove(Image.open(path), session=session, only_mask=True))
        errors.append(np.abs(found.astype(float) - its).mean() / 255)
        inside, its_inside = found > 127, its > 127
        overlaps.append((inside & its_inside).sum() / (inside | its_inside).sum())
    # Where the network is unsure, other pixels of the same picture make it see another object.
    assert np.median(errors) < 0.005 and np.median(overlaps) > 0.98
