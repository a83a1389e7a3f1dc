"""`remove` against `remove --ray` with one and with two workers, on the same images.

    python benchmarks/ray_removal.py [--model u2netp] [--images 96] [--size 1200 900]

Each command runs as users type it, on a quarter of the images and on all: the difference is what an
image takes, the rest is what a start takes. All pictures are compared with those of the local
command. What of an image's time is decoding, network and encoding is measured with one thread.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from paddleseg_u2net.datasets.synthetic import draw_pair
from paddleseg_u2net.env import cores
from paddleseg_u2net.prediction.removal import Removal, Report, Work
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Encoding, Options, Remover

ROOT = Path(__file__).resolve().parents[1]
# Images of which the steps are timed one by one.
_TIMED = 12


def images(folder, count, size):
    """Drawings with the grain of a photograph, as JPEG files: a quarter of them, and all."""
    noise = np.random.default_rng(0).normal(0, 6, (size[1], size[0], 3))
    some, every = folder / "some", folder / "every"
    for place in (some, every):
        place.mkdir()
    for number in range(count):
        drawn, _ = draw_pair(number, size=(size[1] // 4, size[0] // 4))
        large = np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.BICUBIC))
        grained = (large + np.roll(noise, number * 7, 1)).clip(0, 255).astype(np.uint8)
        for place in (every, some)[: 2 if number < count // 4 else 1]:
            Image.fromarray(grained).save(place / f"{number:04}.jpg", quality=90)
    return some, every


class Largest:
    """The most memory that a worker of Ray's has held meanwhile, in MiB; 0 where it is not seen."""

    def __enter__(self):
        self.mebibytes, self._end = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _look(self):
        while not self._end.wait(0.5):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if (process / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                        lines = (process / "status").read_text().splitlines()
                        most = next(line for line in lines if line.startswith("VmHWM"))
                        self.mebibytes = max(self.mebibytes, int(most.split()[1]) // 1024)
                except (OSError, StopIteration):
                    continue


def timed(words, source, target):
    """Seconds of the command."""
    command = [sys.executable, "-m", "paddleseg_u2net", "remove", str(source), str(target), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begun


def steps(model, files):
    """Seconds of one thread for an image's decoding, network and encoding."""
    loaded = load_model(model, threads=1)
    removal = Removal(
        Remover(loaded.pipeline, loaded.in_channels), Options(), Encoding(), Report({})
    )
    spent = np.zeros(3)
    for number, path in enumerate(files[: _TIMED + 1]):
        work = Work(path, Path(tempfile.gettempdir()) / "ray_removal.png")
        times = [time.process_time()]
        read = removal.read(work)
        times.append(time.process_time())
        computed = removal.compute(read)
        times.append(time.process_time())
        removal.write(work, computed)
        times.append(time.process_time())
        spent += np.diff(times) if number else 0  # the first one warms up
    work.output.unlink()
    return spent / min(_TIMED, len(files) - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--size", nargs=2, type=int, default=(1200, 900), metavar=("W", "H"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        some, every = images(folder, arguments.images, tuple(arguments.size))
        files = sorted(every.iterdir())
        width, height = arguments.size
        print(f"{len(files)} images of {width}x{height}, {arguments.model}, {cores()} cores")
        local = None
        for title, words in {
            "remove": [],
            "remove --ray --workers 1": ["--ray", "--workers", "1"],
            "remove --ray --workers 2": ["--ray", "--workers", "2"],
        }.items():
            words = [*words, "--model", arguments.model]
            with Largest() as largest:
                few = timed(words, some, folder / f"{len(words)}{title[-1]}some")
                target = folder / f"{len(words)}{title[-1]}every"
                all_of_them = timed(words, every, target)
            each = (all_of_them - few) / (len(files) - len(list(some.iterdir())))
            rate, start = 1 / each, all_of_them - each * len(files)
            found = {path.name: path.read_bytes() for path in target.glob("*.png")}
            local = local or (rate, found)
            print(
                f"{title:26} {rate:6.2f} images/s, {rate / cores():5.2f} a core, "
                f"{rate / local[0]:5.2f} of the local rate; start {start:5.1f} s; "
                f"{'the same bytes' if found == local[1] else 'OTHER BYTES'}"
                + (f"; {largest.mebibytes} MiB a worker" if "--ray" in words else "")
            )
        spent = steps(arguments.model, files)
        print("one thread: " + ", ".join(
            f"{name} {1000 * seconds:.0f} ms"
            for name, seconds in zip(("decoding", "network", "finishing and encoding"), spent)
        ))  # fmt: skip
        sizes = [sum(map(len, local[1].values())), sum(path.stat().st_size for path in files)]
        print("storage: {1:.0f} kB read, {0:.0f} kB written an image".format(
            *(size / len(files) / 1000 for size in sizes)
        ))  # fmt: skip


if __name__ == "__main__":
    main()
