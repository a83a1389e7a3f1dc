"""What a service counts and measures, as Prometheus reads it."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Iterator, Tuple

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable of the folder in which several processes add up their numbers."""

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)


class Metrics:
    """The numbers of one app."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self.requests = Counter(
            "u2net_requests", "Requests, by what came of them", ["api", "outcome"], registry=own
        )
        self.seconds = Histogram(
            "u2net_request_seconds",
            "From the first byte of a request to its answer",
            ["api"],
            registry=own,
            buckets=_SECONDS,
        )
        self.steps = Histogram(
            "u2net_step_seconds",
            "Of one picture: read, wait, decode, network, finish, encode",
            ["step"],
            registry=own,
            buckets=_SECONDS,
        )
        self.queue = Gauge(
            "u2net_queue",
            "Requests that are being sent or wait",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.running = Gauge(
            "u2net_running",
            "Pictures that are worked on",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.pixels = Counter("u2net_pixels", "Pixels of finished pictures", registry=own)
        self.received = Counter("u2net_received_bytes", "Of pictures that came", registry=own)
        self.sent = Counter("u2net_sent_bytes", "Of pictures that were answered", registry=own)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step, in any thread."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.labels(name).observe(time.monotonic() - began)

    def text(self) -> Tuple[bytes, str]:
        """All numbers, of all processes of the service, and the type of the text."""
        registry = self._registry
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST
