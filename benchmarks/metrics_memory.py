"""Peak memory of tools/eval_maps.py on few and on many images: all scores, small drawings.

    python benchmarks/metrics_memory.py [--few 300] [--many 30000]

Both runs are processes of their own, with 0 workers; the many files are hard links of the few.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from paddleseg_u2net.datasets.synthetic import draw_pair

TOOL = Path(__file__).resolve().parents[1] / "tools" / "eval_maps.py"


def _draw(folder: Path, count: int) -> None:
    for name in ("maps", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        _, mask = draw_pair(index, size=(64, 64))
        soft = cv2.GaussianBlur(np.where(mask > 128, 230, 20).astype(np.uint8), (0, 0), 2)
        cv2.imwrite(str(folder / "maps" / f"{index}.png"), soft)
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), np.where(mask > 128, 255, 0))


def _link(few: Path, many: Path, count: int, of: int) -> None:
    for name in ("maps", "masks"):
        (many / name).mkdir(parents=True)
        for index in range(count):
            os.link(few / name / f"{index % of}.png", many / name / f"{index}.png")


def _run(folder: Path) -> tuple:
    """Return the peak memory in MiB and the seconds of a run."""
    command = [sys.executable, str(TOOL), "--workers", "0", "--metrics", "all"]
    command += ["--pred_dir", str(folder / "maps"), "--gt_dir", str(folder / "masks")]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return usage.ru_maxrss / 1024, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=300)
    parser.add_argument("--many", type=int, default=30000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        few, many = Path(temporary, "few"), Path(temporary, "many")
        _draw(few, arguments.few)
        _link(few, many, arguments.many, arguments.few)
        few_peak, few_seconds = _run(few)
        many_peak, many_seconds = _run(many)
    print(f"{arguments.few} images: {few_peak:.0f} MiB, {few_seconds:.1f} s")
    print(f"{arguments.many} images: {many_peak:.0f} MiB, {many_seconds:.1f} s")
    print(f"ratio of the peaks: {many_peak / few_peak:.2f}")


if __name__ == "__main__":
    main()
