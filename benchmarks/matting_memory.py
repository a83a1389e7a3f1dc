"""Memory and time of matting in a large picture: a whole process with its network.

    python benchmarks/matting_memory.py [--size 6000x4000] [--model_path u2netp]

Drawn pictures: a body with some thousand strands of hair, one with a sharp edge, and noise of which
the map knows nothing, which is all band. The network runs on each; its map is replaced by the one
that it would draw of a person, the opacity at 320 pixels, so that all of the outline counts. Each
picture is finished in a process of its own, without matting and with it; the exit code is 1 if one
takes more than 1.5 GiB.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Tuple

import cv2
import exports
import machine
import numpy as np

from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Remover

KINDS = ("hair", "sharp", "noise")
_LIMIT = 1.5 * 2**30
_MAP = 320


def _draw(kind: str, width: int, height: int) -> Tuple[np.ndarray, np.ndarray]:
    """The picture uint8 (H, W, 3), and its map float32 (1, 320, 320)."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        return picture, np.full((1, _MAP, _MAP), 0.5, np.float32)
    alpha = np.zeros((height, width), np.uint8)
    middle, radius = np.array([width / 2, height / 2]), height * 0.28
    cv2.circle(alpha, tuple(middle.astype(int)), int(radius), 255, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, (width // 2, height), (int(radius * 1.5), int(radius)), 0, 0, 360, 255, -1)
    for _ in range(4000 if kind == "hair" else 0):
        angle, length = rng.uniform(-np.pi, 0.3), rng.uniform(1, 1.5) * radius
        along = np.linspace(0.8 * radius, length, 12)
        bend = angle + 0.1 * np.sin(along / radius * 9 + rng.uniform(0, 6))
        strand = middle + along[:, None] * np.stack([np.cos(bend), np.sin(bend)], 1)
        points = [np.rint(strand).astype(np.int32)]
        cv2.polylines(alpha, points, False, 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    pattern = rng.integers(0, 100, (2, height // 40, width // 40, 3), dtype=np.uint8)
    own, other = (cv2.resize(part, (width, height)) for part in pattern)
    own += 130
    picture = np.empty_like(own)
    for row in range(height):
        share = alpha[row, :, None] / 255
        picture[row] = np.rint(share * own[row] + (1 - share) * other[row])
    small = cv2.resize(alpha, (_MAP, _MAP), interpolation=cv2.INTER_AREA)
    return picture, cv2.GaussianBlur(small.astype(np.float32) / 255, (0, 0), 0.8)[None]


def _finish(folder: Path, kind: str, matting: str, model_path: str) -> None:
    """In a process of its own: what it took."""
    picture = np.load(folder / f"{kind}.npy")
    drawn = np.load(folder / f"{kind}_map.npy")
    model = load_model(model_path)
    remover = Remover(model.pipeline, model.in_channels)
    model.pipeline.probabilities(remover.prepare(picture)[None])
    began, processor = time.perf_counter(), time.process_time()
    removed = remover.finish(picture, drawn, Options(matting=matting))
    took, worked = time.perf_counter() - began, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    notes = "; ".join(removed.notes)
    print(f"{took:.1f} | {worked:.1f} | {peak / 2**30:.2f} | {notes}")
    raise SystemExit(int(peak > _LIMIT))


def main() -> None:
    arguments = _arguments()
    if arguments.finish:
        _finish(arguments.work, *arguments.finish, str(arguments.model_path))
    print(machine.describe())
    width, height = map(int, arguments.size.split("x"))
    print("\n| picture | matting | seconds | of the processor | GiB | notes |")
    print("| --- | --- | --- | --- | --- | --- |")
    failed = False
    with tempfile.TemporaryDirectory() as work:
        for kind in arguments.kinds:
            picture, share = _draw(kind, width, height)
            np.save(Path(work) / f"{kind}.npy", picture)
            np.save(Path(work) / f"{kind}_map.npy", share)
            del picture
            for matting in ("off", "band"):
                command = [sys.executable, __file__, "--work", work, "--finish", kind, matting]
                command += ["--model_path", str(arguments.model_path)]
                run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
                said = run.stdout.strip().splitlines()[-1:] or ["it ended"]
                print(f"| {arguments.size}, {kind} | {matting} | {said[0]} |", flush=True)
                failed |= run.returncode != 0
    raise SystemExit(int(failed))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--size", default="6000x4000", metavar="WxH")
    add("--kinds", nargs="+", choices=KINDS, default=KINDS)
    add("--model_path", default=exports.SHARED / "weights" / "u2netp_rembg.onnx")
    add("--work", type=Path, help=argparse.SUPPRESS)
    add("--finish", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
