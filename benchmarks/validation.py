"""How much of a validation's time the metrics take: U2NetP at 320x320, pictures of 400x300.

python benchmarks/validation.py [--images 12]
"""

import argparse
import tempfile
import time
from pathlib import Path

from paddleseg_u2net.env import load_paddle

load_paddle()

import machine

from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.datasets.synthetic import draw_dataset
from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.inference.backends.paddle_layers import eager
from paddleseg_u2net.metrics import MetricReport
from paddleseg_u2net.models import U2NetP
from paddleseg_u2net.training.validation import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12)
    arguments = parser.parse_args()
    spent = [0.0]

    def timed(function):
        def call(*words):
            started = time.perf_counter()
            result = function(*words)
            spent[0] += time.perf_counter() - started
            return result

        return call

    MetricReport.update = timed(MetricReport.update)
    MetricReport.compute = timed(MetricReport.compute)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "drawn"
        draw_dataset(folder, train=0, val=arguments.images, size=(300, 400))
        dataset = PairDataset("val", dataset_root=str(folder), val_path="val_list.txt")
        model = U2NetP()
        model.eval()
        predictor = Pipeline(eager(model), Preprocess((320, 320)))
        evaluate(predictor, dataset, MetricReport(1))  # the first run allocates
        spent[0] = 0.0
        started = time.perf_counter()
        evaluate(predictor, dataset, MetricReport(1))
        whole = time.perf_counter() - started
    print(machine.arithmetic())
    print(f"{arguments.images} images: {whole:.2f} s, of which metrics {spent[0]:.3f} s")
    print(f"ratio: metrics / whole {spent[0] / whole:.4f}")


if __name__ == "__main__":
    main()
