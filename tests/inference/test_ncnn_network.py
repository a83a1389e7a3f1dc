"""ncnn as an engine: threads, missing packages, damaged files."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from paddleseg_u2net.inference.backends.ncnn_network import ncnn_in_memory, ncnn_network
from paddleseg_u2net.inference.network import BackendError
from paddleseg_u2net.weights.ncnn_write import ncnn_files
from tests.weights import narrow


def test_threads_share_a_network():
    pytest.importorskip("ncnn")
    network = ncnn_in_memory(*ncnn_files(narrow.state(), narrow.table()), threads=1)
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(1, 3, 20 + 9 * n, 64)).astype(np.float32) for n in range(8)]
    alone = [network(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for expected, found in zip(alone, pool.map(network, batches)):
            np.testing.assert_array_equal(found, expected)


def test_the_number_of_threads_changes_no_bit():
    pytest.importorskip("ncnn")
    files = ncnn_files(narrow.state(), narrow.table())
    batch = np.random.default_rng(0).normal(size=(1, 3, 64, 96)).astype(np.float32)
    found = [ncnn_in_memory(*files, threads=threads)(batch) for threads in (1, 3)]
    np.testing.assert_array_equal(*found)


def test_missing_ncnn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(BackendError, match="paddleseg_u2net.ncnn."):
        ncnn_in_memory("", b"")


def test_a_file_that_ends_early_is_refused(tmp_path):
    pytest.importorskip("ncnn")
    param, weights = ncnn_files(narrow.state(), narrow.table())
    (tmp_path / "model.bin").write_bytes(weights[:-40])
    with pytest.raises(BackendError, match=r"does not load .*model\.bin"):
        ncnn_network(param, tmp_path / "model.bin")
    with pytest.raises(BackendError, match="does not load"):
        ncnn_in_memory("no network", weights)
