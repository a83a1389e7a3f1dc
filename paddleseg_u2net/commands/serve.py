"""``tools/serve.py``: pictures without their background over HTTP."""

from __future__ import annotations

import argparse
from typing import List

from paddleseg_u2net.commands.parsing import Parser, at_least
from paddleseg_u2net.inference.backends import AUTO, BACKENDS


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(prog="serve", description="Remove backgrounds over HTTP, with a page.")
    add = result.add_argument
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: all of this machine's")
    add("--port", type=at_least(0), default=7000, help="0: a free one, which the log names")
    add("--model", nargs="+", default=["u2netp"], metavar="MODEL", help="weights, exported folders "
        "or names such as u2net; a request names one of them, or gets the first")  # fmt: skip
    add("--backend", choices=(AUTO, *BACKENDS), default=AUTO, help="what runs the network")
    add("--device", choices=("auto", "cpu", "gpu"), default="auto", help="where to compute")
    return result.parse_args(argv)


def run(argv: List[str]) -> int:
    """Serve until a signal to end."""
    arguments = _arguments(argv)
    from paddleseg_u2net.log import start_logging
    from paddleseg_u2net.service.server import serve
    from paddleseg_u2net.service.settings import Settings

    start_logging()
    settings = Settings(tuple(arguments.model), backend=arguments.backend, device=arguments.device)
    return serve(settings, arguments.host, arguments.port)
