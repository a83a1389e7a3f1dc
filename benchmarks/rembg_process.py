"""rembg in its own environment, as a function."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np

from paddleseg_u2net.io.images import write_png


class Rembg:
    """Asks `rembg_worker.py`, which runs under rembg's Python as long as this does.

    Args:
        python: rembg's.
        weights: U²-NetP's, an ONNX file.
        work: a folder for what goes to and fro.
    """

    def __init__(self, python: Path, weights: Path, work: Path) -> None:
        self._work = work
        shutil.copy(weights, work / "u2netp.onnx")
        env = {**os.environ, "U2NET_HOME": str(work), "MODEL_CHECKSUM_DISABLED": "1"}
        worker = Path(__file__).with_name("rembg_worker.py")
        pipes: Dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([str(python), str(worker)], env=env, **pipes)
        self._answer()

    def __call__(self, picture: np.ndarray, options: Dict[str, Any]) -> Tuple[np.ndarray, float]:
        """What ``rembg.remove`` gives for a picture, and its seconds."""
        source, target = self._work / "picture.png", self._work / "answer.npy"
        write_png(source, picture)
        print(json.dumps([str(source), str(target), options]), file=self._process.stdin, flush=True)
        seconds = self._answer()
        return np.load(target), seconds

    def _answer(self) -> float:
        for line in self._process.stdout or ():
            if line.startswith("took "):
                return float(line.split()[1])
        raise SystemExit("rembg ended; see its lines above")
