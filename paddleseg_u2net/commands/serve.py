"""``tools/serve.py``: pictures without their background over HTTP."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Callable, List, Tuple

from paddleseg_u2net.commands.parsing import Parser, at_least


def _arguments(argv: List[str]) -> argparse.Namespace:
    from paddleseg_u2net.inference.backends import AUTO, BACKENDS

    result = Parser(prog="serve", description="Remove backgrounds over HTTP, with a page.")
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: all of this machine's")
    add("--port", type=_port, default=7000, help="0: a free one, which the log names")
    add("--workers", type=at_least(1), default=1, metavar="N", help="processes that share the "
        "address, each with its models, threads and limits")  # fmt: skip
    add = result.add_argument_group("models").add_argument
    add("--model", "--model_path", nargs="+", default=["u2netp"], metavar="MODEL", help="names "
        "such as u2net, weights of any format, or exported folders; a request names one of them, "
        "or gets the first; else u2netp")  # fmt: skip
    add("--backend", choices=(AUTO, *BACKENDS), default=AUTO, help="what runs the network; auto: "
        "the fastest that is installed and fits")  # fmt: skip
    add("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute")
    add("--at_once", type=at_least(0), default=0, metavar="N", help="pictures that are worked on "
        "at the same time; else one for each core, shared out to the processes")  # fmt: skip
    add("--threads", type=at_least(0), default=0, metavar="N", help="of the network for one "
        "picture; else the cores, shared out")  # fmt: skip
    add = result.add_argument_group("limits").add_argument
    add("--queue", type=at_least(0), default=32, metavar="N", help="requests that are being sent "
        "or wait; more are answered 503")  # fmt: skip
    add("--cameras", type=at_least(0), metavar="N", help="cameras that are served at the "
        "same time; else as many as pictures; 0: none, and the page does not offer it")  # fmt: skip
    add("--max_bytes", type=at_least(1), default=50 << 20, metavar="N", help="of a request's body")
    add("--max_pixels", type=at_least(1), default=50_000_000, metavar="N", help="of a picture, and "
        "of all that are worked on at the same time")  # fmt: skip
    add("--time_limit", type=_seconds, default=120.0, metavar="S", help="seconds for a request")
    add("--stall", type=_seconds, default=15.0, metavar="S", help="seconds in which a client must "
        "send or take something")  # fmt: skip
    add("--grace", type=_seconds, default=30.0, metavar="S", help="seconds that requests have to "
        "end in when the service is told to")  # fmt: skip
    add = result.add_argument_group("who may ask, and for what").add_argument
    add("--allow_urls", nargs="+", default=[], metavar="HOST", help="hosts that pictures are "
        "fetched from, *.example.org for all below one, with :PORT if it is not the usual one; "
        "else none")  # fmt: skip
    add("--allow_origins", nargs="+", default=[], metavar="ORIGIN", help="sites whose pages may "
        "ask, as https://example.org; else only the page of this service")  # fmt: skip
    add("--api_keys", metavar="FILE", help="keys, one a line, of which a request must have one as "
        "X-Api-Key; the page is not served then")  # fmt: skip
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Serve until a signal to end; 0 then."""
    # numpy's products are small here; its threads would wait for the next, spinning, in the way of
    # other pictures. It reads this as it is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = _arguments(argv)
    from paddleseg_u2net.env import cores
    from paddleseg_u2net.log import start_logging
    from paddleseg_u2net.service.processes import serve
    from paddleseg_u2net.service.settings import Settings

    start_logging()
    settings = Settings(
        models=tuple(arguments.model),
        backend=arguments.backend,
        device=arguments.device,
        threads=arguments.threads,
        # of each process
        at_once=arguments.at_once or max(1, cores() // arguments.workers),
        queue=arguments.queue,
        cameras=arguments.cameras,
        max_bytes=arguments.max_bytes,
        max_pixels=arguments.max_pixels,
        time_limit=arguments.time_limit,
        stall=arguments.stall,
        grace=arguments.grace,
        allow_urls=tuple(arguments.allow_urls),
        allow_origins=tuple(arguments.allow_origins),
        api_keys=_keys(arguments.api_keys) if arguments.api_keys else (),
    )
    return serve(settings, arguments.host, arguments.port, arguments.workers)


def _keys(path: str) -> Tuple[str, ...]:
    lines = Path(path).read_text(encoding="utf-8").split()
    if not lines:
        raise ValueError(f"--api_keys {path}: expected keys, one a line, found none")
    return tuple(lines)


def _number(text: str, kind: Callable[[str], float], low: float, high: float) -> float:
    value = kind(text)
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"expected {low:g} to {high:g}, got {text}")
    return value


def _port(text: str) -> int:
    return int(_number(text, int, 0, 65535))


def _seconds(text: str) -> float:
    return _number(text, float, 0.01, 86400)
