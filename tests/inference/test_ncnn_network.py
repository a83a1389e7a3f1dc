"""ncnn as an engine: the number of threads, damaged files."""

from __future__ import annotations

import numpy as np
import pytest

from paddleseg_u2net.inference.backends import BackendError
from paddleseg_u2net.weights.ncnn_write import ncnn_files
from tests.inference.exporting import on_ncnn
from tests.weights import narrow

pytest.importorskip("ncnn")


def test_the_number_of_threads_changes_no_bit():
    files = ncnn_files(narrow.state(), narrow.table())
    batch = np.random.default_rng(0).normal(size=(1, 3, 64, 96)).astype(np.float32)
    found = [on_ncnn(*files, threads=threads)(batch) for threads in (1, 3)]
    np.testing.assert_array_equal(*found)


def test_a_file_that_ends_early_is_refused(tmp_path):
    param, weights = ncnn_files(narrow.state(), narrow.table())
    (tmp_path / "model.bin").write_bytes(weights[:-40])
    with pytest.raises(BackendError, match=r"does not load .*model\.bin"):
        on_ncnn(param, tmp_path / "model.bin")
    with pytest.raises(BackendError, match="does not load"):
        on_ncnn("no network", weights)
