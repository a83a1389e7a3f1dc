"""An S3 server in this process."""

from __future__ import annotations

import logging

import pytest
import requests


@pytest.fixture
def s3(monkeypatch):
    """A file system with an empty bucket; whatever is started meanwhile finds the server."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: make runtimes")
    server = pytest.importorskip("moto.server", reason="moto is not installed: make runtimes")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
    ):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=30)  # the process has one store
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    yield files
    s3fs.S3FileSystem.clear_instance_cache()
    running.stop()
