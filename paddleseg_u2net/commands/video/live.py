"""``video --source N --live``: a camera's frames, the newest first of all."""

from __future__ import annotations

import argparse

from paddleseg_u2net.removal import Background
from paddleseg_u2net.video.settings import Settings


def run_live(
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    settings: Settings,
    background: Background,
) -> int:
    """Show or send on the frames of the camera ``arguments.source``, or of the file in its place.

    ``arguments.paths`` and ``arguments.output`` say where to, ``only``, ``size`` and ``json`` what.
    """
    parser.error("--live: there is no camera here yet")
