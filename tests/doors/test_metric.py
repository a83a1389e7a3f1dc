"""A metric of one's own: one file that registers itself, through eval_maps and val."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from paddleseg_u2net import plugins
from paddleseg_u2net.commands import main
from paddleseg_u2net.evaluation.results import write_documentation
from paddleseg_u2net.metrics import SCORES

METRIC = """
import numpy as np

from paddleseg_u2net.metrics import CurveMetric, FixationMetric, MeanMetric, Score, register


@register(
    Score(
        "Squares", "saliency", "mean squared error", "of all pixels", "Gauss 1809",
        higher_is_better=False, also_called=("l2",),
    ),
    stretch="mae_stretch",
)
class SquaredError(MeanMetric):
    def score(self, pair):
        return float(((pair.values(self.stretch) - pair.mask) ** 2).mean())


@register(Score("Peak", "fixation", "map at the fixations, by its maximum", needs="points"))
class Peak(FixationMetric):
    def score(self, pair):
        return float(pair.at_points(pair.prediction).mean()) / pair.range[1]


@register(Score("Hits", "saliency", "object found at half", attribute="at_half"))
class Hits(CurveMetric):
    def _zeros(self):
        return {"hits": np.zeros(256), "images": np.zeros(1, np.int64)}

    def terms(self, pair):
        return {"hits": pair.statistics().true_positives / max(pair.foreground_pixels, 1)}

    def compute(self):
        from types import SimpleNamespace

        return SimpleNamespace(at_half=self._mean("hits")[127])

    def curves(self):
        return {"Hits": (np.linspace(0, 1, 256), self._mean("hits")[::-1])}
"""


@pytest.fixture
def metric(tmp_path):
    """The file of the metrics; what it registers is taken away afterwards."""
    before = dict(SCORES)
    path = tmp_path / "my_metric.py"
    path.write_text(METRIC)
    yield path
    SCORES.clear()
    SCORES.update(before)


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 8:20] = 255
    for folder in ("maps", "masks"):
        (tmp_path / folder).mkdir()
    for number in range(20):  # two chunks, so that processes know of the plugin too
        values = np.clip(mask * 0.7 + rng.integers(0, 60, mask.shape), 0, 255).astype(np.uint8)
        Image.fromarray(values).save(tmp_path / f"maps/{number}.png")
        Image.fromarray(mask).save(tmp_path / f"masks/{number}.png")
    return tmp_path


def test_eval_maps_scores_by_it(metric, data, capsys):
    words = [f"--pred_dir={data / 'maps'}", f"--gt_dir=S={data / 'masks'}", "--preset=paper"]
    words += [f"--plugins={metric}", "--metrics", "l2", "peak", "Hits", "MAE", "--workers=2"]
    kinds = ("json", "csv", "per_image", "latex", "markdown", "html")
    files = {kind: data / f"out.{kind}" for kind in kinds}
    files["csv"], files["per_image"] = data / "t.csv", data / "rows.csv"
    files["latex"], files["markdown"] = data / "t.tex", data / "t.md"
    words += [f"--{kind}={path}" for kind, path in files.items()]
    assert main("eval_maps", [*words, f"--curves={data / 'curves'}"]) == 0
    tree = json.loads(files["json"].read_text())
    maps = [np.array(Image.open(data / f"maps/{number}.png")) / 255 for number in range(20)]
    mask = np.array(Image.open(data / "masks/0.png")) > 127
    scores = tree["results"][0]["scores"]
    expected = np.mean([((values - mask) ** 2).mean() for values in maps])
    assert scores["Squares"] == pytest.approx(expected, abs=1e-12)
    expected = np.mean([values[mask].mean() / values.max() for values in maps])
    assert scores["Peak"] == pytest.approx(expected, abs=1e-12)
    assert list(tree["definitions"]) == ["MAE", "Squares", "Hits", "Peak"]
    assert tree["definitions"]["Squares"] == "mean squared error"
    assert len(tree["results"][0]["curves"]["Hits"]["x"]) == 256
    out = capsys.readouterr().out
    for text in (out, *(files[kind].read_text() for kind in ("latex", "markdown", "html"))):
        assert "Squares" in text and f"{scores['Squares']:.3f}" in text
    assert "Squares ↓" in out and "Hits ↑" in out
    assert (
        files["per_image"].read_text().splitlines()[0]
        == "dataset,method,name,MAE,Squares,Hits,Peak"
    )


def test_val_scores_by_it(metric, tiny, tmp_path, capsys):
    tiny.update(plugins=["my_metric.py"], metrics=["segmentation", "Squares"], iters=2)
    tiny["trainer"] = {"best_metric": "Squares"}
    (tmp_path / "mine.yml").write_text(yaml.safe_dump(tiny))
    argv = ["--config", tmp_path / "mine.yml", "--save_dir", tmp_path / "out", "--do_eval"]
    assert main("train", [str(word) for word in argv]) == 0
    capsys.readouterr()
    argv = ["--model_path", tmp_path / "out/best_model", "--json", tmp_path / "val.json"]
    assert main("val", [str(word) for word in argv]) == 0
    scores = json.loads((tmp_path / "val.json").read_text())
    assert (
        0 < scores["Squares"] < 1 and f"Squares: {scores['Squares']:.4f}" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ('"MAE", "saliency", "mine"', "score MAE: MAE is a score of paddleseg_u2net.metrics.sal"),
        ('"boundary", "saliency", "mine"', "score boundary: boundary is a family already"),
        ('"Mine", "salience", "mine"', "expected family to be one of segmentation, saliency"),
    ],
)
def test_a_name_that_is_taken_is_told_with_its_line(tmp_path, capsys, score, said):
    path = tmp_path / "other_metric.py"
    path.write_text(METRIC.replace('"Squares", "saliency", "mean squared error"', score))
    assert main("eval_maps", ["--plugins", str(path), "--config", "none.yml"]) == 1
    error = capsys.readouterr().err
    assert f"{path}, line " in error and said in error
    assert str(path) not in plugins.loaded()


def test_the_documentation_has_a_row_of_it(metric, tmp_path):
    page = tmp_path / "metrics.md"
    before = (Path(__file__).resolve().parents[2] / "docs/metrics.md").read_text("utf-8")
    page.write_text(before, "utf-8")
    plugins.load_plugins([str(metric)])
    write_documentation(page)
    added = [line for line in page.read_text("utf-8").splitlines() if line not in before]
    row = (
        "| `Squares` | saliency | mean squared error, lower is better; of all pixels | Gauss 1809 |"
    )
    assert row in added and len(added) == 3
    assert page.read_text("utf-8").endswith(before[before.index("`mIoU` to `BER`") :])
