"""The confusion matrix as a chart."""

import numpy as np
from sklearn.metrics import confusion_matrix

from paddleseg_u2net.render import charts
from paddleseg_u2net.render.confusion import confusion_chart


def test_the_chart_shows_the_shares_of_each_row(tmp_path):
    rng = np.random.default_rng(0)
    true, said = rng.choice(3, 5000, p=[0.9, 0.1, 0]), rng.choice(3, 5000, p=[0.98, 0.015, 0.005])
    counts = confusion_matrix(true, said, labels=range(3))
    figure = confusion_chart(counts, ["a", "b$x$", "c"], "title")
    axes = figure.axes[0]
    expected = confusion_matrix(true, said, labels=range(3), normalize="true")
    np.testing.assert_allclose(axes.images[0].get_array(), 100 * expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", r"b\$x\$", "c"]
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert len(texts) == 6  # nothing is said of a class that does not occur
    assert texts[(1, 0)] == f"{100 * expected[0, 1]:.2f}"
    charts.save(figure, tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_what_is_not_all_is_not_100():
    counts = np.array([[10**7, 1], [0, 5]])
    texts = [text.get_text() for text in confusion_chart(counts, "ab", "").axes[0].texts]
    assert texts == ["99.99", "0.01", "0", "100"]


def test_many_classes_have_no_numbers():
    figure = confusion_chart(np.eye(21, dtype=int), [str(n) for n in range(21)], "")
    assert not figure.axes[0].texts
