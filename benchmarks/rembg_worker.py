"""rembg in its own environment, asked from outside: a model once, then a picture a line.

Run by other benchmarks with rembg's Python, with ``U2NET_HOME`` set. Each line of standard input
is a JSON list [input PNG, output .npy, arguments of rembg.remove]; the answer is a line "took
SECONDS", between lines of rembg's own.
"""

import json
import sys
import time

import numpy as np


def main() -> None:
    from PIL import Image
    from rembg import new_session, remove

    session = new_session("u2netp")
    print("took 0", flush=True)
    for line in sys.stdin:
        source, target, options = json.loads(line)
        picture = Image.open(source)
        picture.load()
        started = time.perf_counter()
        found = remove(picture, session=session, **options)
        seconds = time.perf_counter() - started
        np.save(target, np.asarray(found))
        print(f"took {seconds}", flush=True)


if __name__ == "__main__":
    main()
