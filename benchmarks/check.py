"""Checking a data set against plainly decoding it, on the same processes, in turn.

    python benchmarks/check.py [--shared ../shared] [--drawn 64] [--rounds 5] [--workers N]

Both sides decode every image and mask with ``paddleseg_u2net.io.images`` in new processes;
checking also looks at what they hold and searches for copies. Data sets: those of the reference
data where it is there, and photograph-like drawings as 2000x1700 JPEGs. A small set is read several
times over, so that the start of the processes is not what is measured. Each figure is that of the
best round; on a busy machine the ratio of processor time is the one to trust.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from PIL import Image

from paddleseg_u2net.data_tools.inspection.check import check
from paddleseg_u2net.data_tools.inspection.inputs import Part, Settings, of_folders
from paddleseg_u2net.data_tools.inspection.scan import CHUNK, scan
from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.io.images import read_image, read_mask
from paddleseg_u2net.parallel import in_chunks, parallel_map

ROOT = Path(__file__).resolve().parents[1]
SETS = {
    "ecssd_300": ("images", "ground_truth_mask"),
    "optic_disc_seg": ("JPEGImages", "Annotations"),
    "person_290": ("images", "masks"),
}
LEAST_PAIRS = 250


def _decode(pairs):
    for pair in pairs:
        read_image(pair.image)
        read_mask(pair.mask)
    return len(pairs)


def _decoded(part, workers):
    assert sum(parallel_map(_decode, in_chunks(part.pairs, CHUNK), workers)) == len(part.pairs)


def _checked(part, workers):
    stats = scan(part.pairs, workers=workers)
    return check([part], [stats], Settings())


def _draw(folder: Path, count: int) -> Part:
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for index in range(count):
        image, mask = draw_pair(index, size=(1700, 2000))
        Image.fromarray(image).save(folder / f"images/{index}.jpg", quality=92)
        Image.fromarray(mask).save(folder / f"masks/{index}.png")
    return of_folders("all", folder / "images", folder / "masks")


def _cpu() -> float:
    """Seconds of work of this process and of those that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _times(work, part, workers):
    wall, cpu = time.perf_counter(), _cpu()
    work(part, workers)
    return time.perf_counter() - wall, _cpu() - cpu


def _compare(name: str, part: Part, workers: int, rounds: int) -> None:
    times = {_decoded: [], _checked: []}
    for number in range(rounds):
        for work in [_decoded, _checked] if number % 2 else [_checked, _decoded]:
            times[work].append(_times(work, part, workers))
    plain, checked = (
        [min(column) for column in zip(*times[work])] for work in (_decoded, _checked)
    )
    count = len(part.pairs)
    print(
        f"{name:<15} {count:4} pairs   decode {count / plain[0]:6.1f}   check "
        f"{count / checked[0]:6.1f} images/s   ratio {plain[0] / checked[0]:.3f} "
        f"(of processor time {plain[1] / checked[1]:.3f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--drawn", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    for name, (images, masks) in SETS.items():
        folder = arguments.shared / "data" / name
        if folder.is_dir():
            part = of_folders("all", folder / images, folder / masks)
            part.pairs = part.pairs * -(-LEAST_PAIRS // len(part.pairs))
            _compare(name, part, arguments.workers, arguments.rounds)
    with tempfile.TemporaryDirectory() as temporary:
        part = _draw(Path(temporary), arguments.drawn)
        _compare("2000x1700 JPEG", part, arguments.workers, arguments.rounds)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest worker process: {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
