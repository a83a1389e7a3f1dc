"""What a service runs, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

from paddleseg_u2net.env import cores


@dataclass(frozen=True)
class Settings:
    """What a service runs, and its limits; each request over one gets an answer that names it.

    Args:
        models: names or paths as `load_model` takes them; a request that names none gets the first.
        backend, device: see `choose`.
        threads: of the network for one picture; 0: the cores, shared out to those pictures.
        at_once: pictures that are worked on at the same time; 0: one for each core.
        queue: requests that are being sent or wait, besides those that are worked on; further ones
            are refused.
        cameras: that are served at the same time, besides those who wait in the queue; None: one
            for each picture at once; 0: none, and the page has no camera.
        max_bytes: of a request's body, and of a picture that is fetched for it.
        max_pixels: of a picture, by its header; and of all that are worked on at the same time.
        time_limit: seconds from a request's first byte to its answer.
        stall: seconds that a client may send nothing, or take nothing.
        grace: seconds that running requests have when the service is told to end.
        allow_urls: hosts that pictures are fetched from, ``*.example.org`` for all below one.
        allow_origins: of other sites whose pages may ask, as in ``https://example.org``.
        api_keys: of which a request must have one as ``X-Api-Key``; none: it needs none.

    Raises:
        ValueError: a limit that nothing would pass.
    """

    models: Tuple[str, ...] = ("u2netp",)
    backend: str = "auto"
    device: str = "auto"
    threads: int = 0
    at_once: int = 0
    queue: int = 32
    cameras: Optional[int] = None
    max_bytes: int = 50 * 2**20
    max_pixels: int = 50_000_000
    time_limit: float = 120.0
    stall: float = 15.0
    grace: float = 30.0
    allow_urls: Tuple[str, ...] = ()
    allow_origins: Tuple[str, ...] = ()
    api_keys: Tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "time_limit", "stall"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)}")
        if not self.models:
            raise ValueError("models: expected one or more, got none")
        object.__setattr__(self, "at_once", self.at_once or cores())
        if self.cameras is None:
            object.__setattr__(self, "cameras", self.at_once)
        object.__setattr__(self, "threads", self.threads or max(1, cores() // self.at_once))

    @property
    def places(self) -> int:
        """Requests that are taken at the same time."""
        return self.at_once + self.queue
