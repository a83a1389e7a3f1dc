from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.evaluation.page import page, thumbnail
from paddleseg_u2net.evaluation.tables import Column

F = Column("maxF", "Fβ", True)
MAE = Column("MAE", "MAE", False)
NASTY = '<script>alert("1")</script>&\'"'
VOID = {"meta", "img", "link", "br", "input"}


class Parsed(HTMLParser):
    """The elements of a page: tag, attributes and the text directly and deeper in it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.open = []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        assert len(dict(attrs)) == len(attrs)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [
            element
            for element in self.elements
            if element["tag"] == tag
            and all(element.get(key.rstrip("_")) == value for key, value in attributes.items())
        ]

    def texts(self, tag, **attributes):
        return [" ".join(element["text"].split()) for element in self.all(tag, **attributes)]


SETS = {
    "DUTS-TE": {
        "u2net": {"maxF": 0.87312345, "MAE": 0.0441},
        "u2netp": {"maxF": 0.8522, "MAE": 0.0539},
        "basnet": {"maxF": float("nan"), "MAE": None},
        "same": {"maxF": 0.8731, "MAE": 0.1},
    },
    "图像": {"u2net": {"maxF": 0.95}},
}
ONE = {"S": {"m": {"maxF": 0.5}}}


def html(data_sets=ONE, columns=(F,), compared=None, figures=None, **more):
    return page(data_sets, columns, compared or columns, figures or {}, **more)


def gallery(name="bird.png", method="u2net", title="Worst"):
    """One image with a photograph, its mask and one map."""
    photograph = np.full((60, 80, 3), (250, 20, 10), np.uint8)
    shown = {"image": photograph, "mask": np.eye(60) > 0, method: np.full((60, 80), 77, np.uint8)}
    pictures = [{"caption": key, **thumbnail(a, f"{key} of {name}")} for key, a in shown.items()]
    sample = {"name": name, "score": "MAE 0.250", "pictures": pictures}
    return {"heading": f"DUTS-TE: {method}, by MAE", "ends": [(title, [sample])]}


def picture(element):
    kind, data = re.fullmatch(r"data:image/(\w+);base64,([\w+/=]+)", element["src"]).groups()
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
        assert image.format.lower() == kind
        return np.asarray(image)


def test_nothing_comes_from_outside_and_one_script_runs():
    text = html(figures={"c": b"1"}, galleries=[gallery()])
    assert text == html(figures={"c": b"1"}, galleries=[gallery()])
    parsed = Parsed(text)
    for element in parsed.elements:
        assert element["tag"] not in ("link", "iframe", "object", "base")
        assert "href" not in element
        assert element.get("src", "data:image/").startswith("data:image/")
        assert not any(key.startswith("on") for key in element)
    assert not re.search(r"https?:|url\(|@import", text)
    (script,) = parsed.all("script")
    assert "src" not in script
    digest = base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
    (policy,) = parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
    ]


def test_scores_and_marks():
    parsed = Parsed(html(SETS, [F, MAE]))
    assert parsed.texts("th", scope="colgroup") == ["DUTS-TE", "图像"]
    assert parsed.texts("th", scope="col") == ["method", *["Fβ ↑", "MAE ↓"] * 2]
    assert parsed.texts("th", scope="row") == ["u2net", "u2netp", "basnet", "same"]
    assert parsed.texts("td") == [
        *("0.873", "0.044", "0.950", "-"),
        *("0.852", "0.054", "-", "-"),
        *("-", "-", "-", "-"),
        *("0.873", "0.100", "-", "-"),
    ]
    # Both that round to 0.873; nothing in the set of one method.
    best, second = (
        [element["text"] for element in parsed.all("td") if mark in element["class"].split()]
        for mark in ("best", "second")
    )
    assert best == ["0.873", "0.044", "0.873"] and second == ["0.852", "0.054"]


def test_scores_of_all_sets_then_of_each():
    parsed = Parsed(html(SETS, [F, MAE], [MAE]))
    assert parsed.texts("h3") == ["All scores on DUTS-TE", "All scores on 图像"]
    heads = ["method", "MAE ↓", "MAE ↓", *["method", "Fβ ↑", "MAE ↓"] * 2]
    assert parsed.texts("th", scope="col") == heads
    assert not Parsed(html(ONE, [F, MAE], [MAE])).texts("h3")


FAMILIES = [
    Column(f"{family}{number}", f"{family} {number}", True, 3, family)
    for family, count in (("segmentation", 9), ("saliency", 12), ("boundary", 3))
    for number in range(count)
]


def test_families_are_column_groups():
    values = {column.key: 0.5 for column in FAMILIES}
    text = html({"S": {"a": values, "b": values}}, FAMILIES)
    heads = Parsed(text).all("th", scope="colgroup")
    spans = [(head["text"].strip(), int(head["colspan"])) for head in heads]
    families = [span for span in spans if span[0] != "S"]
    assert sum(count for _, count in families) == len(FAMILIES)
    assert list(dict(families)) == ["segmentation", "saliency", "boundary"]
    # Sorting finds the column under its heading.
    for table in text.split("<table>")[1:]:
        heads = Parsed(table[: table.index("</table>")]).all("th", scope="col")
        places = [int(head["data-place"]) for head in heads]
        assert sorted(places) == list(range(len(places)))


def test_columns_can_be_sorted():
    parsed = Parsed(html({"S": SETS["DUTS-TE"]}, [F, MAE]))
    numbers = [cell["data-number"] for cell in parsed.all("td")]
    assert numbers[:2] == ["0.87312345", "0.0441"] and numbers[4:6] == ["", ""]
    heads = parsed.all("th", scope="col")
    assert [head["data-first"] for head in heads] == ["ascending", "descending", "ascending"]
    assert len(parsed.all("button")) == len(heads)


def test_no_name_becomes_code():
    text = html(
        {NASTY: {NASTY: {"maxF": 0.5}}},
        [Column("maxF", NASTY, True)],
        figures={NASTY: b"1"},
        galleries=[gallery(NASTY, NASTY)],
        notes=[NASTY],
    )
    assert "<script>alert" not in text
    parsed = Parsed(text)
    assert len(parsed.all("script")) == 1
    for tag in ("p", "th", "figcaption", "summary"):
        texts = [text for text in parsed.texts(tag) if text not in ("image", "mask", "method", "")]
        assert texts and all(NASTY in text for text in texts)
    images = parsed.all("img")
    alts = [NASTY, f"image of {NASTY}", f"mask of {NASTY}", f"{NASTY} of {NASTY}"]
    assert [element["alt"] for element in images] == alts
    known = {"tag", "text", "src", "alt", "width", "height"}
    assert all(set(element) <= known for element in images)


def test_templates_and_any_letters_in_names_are_text():
    parsed = Parsed(html({"{% if %}": {"{# x #}": {}}, "a\nb": {}}, notes=["{{ 7 * 7 }}"]))
    assert parsed.texts("p") == ["{{ 7 * 7 }}"]
    assert parsed.texts("th", scope="colgroup") == ["{% if %}", "a b"]
    assert "{# x #}" in parsed.texts("th")
    text = html({"S": {"ü\x00": {}}}, notes=["图像\udc80", "\ud800"])
    assert "图像" in text.encode("utf-8").decode("utf-8") and "\x00" not in text


def test_figures_are_embedded_as_they_are():
    data = b"\x89PNG any bytes"
    (image,) = Parsed(html(figures={"PR curves": data})).all("img")
    assert image["alt"] == "PR curves"
    assert image["src"] == "data:image/png;base64," + base64.b64encode(data).decode()


def test_galleries():
    parsed = Parsed(html(galleries=[gallery(), gallery("b.png", "u2netp", "Best")]))
    assert parsed.texts("summary") == ["DUTS-TE: u2net, by MAE", "DUTS-TE: u2netp, by MAE"]
    assert parsed.texts("h3") == ["Worst", "Best"]
    assert parsed.texts("p", class_="sample") == ["bird.png: MAE 0.250", "b.png: MAE 0.250"]
    assert parsed.texts("figcaption") == ["image", "mask", "u2net", "image", "mask", "u2netp"]
    assert ["open" in details for details in parsed.all("details")] == [True, False]
    image, mask, grey = map(picture, parsed.all("img")[:3])
    assert image.shape == (60, 80, 3) and abs(image.astype(int) - (250, 20, 10)).max() < 12
    np.testing.assert_array_equal(mask, np.eye(60) * 255)
    assert abs(grey.astype(int) - 77).max() < 12


@pytest.mark.parametrize(
    "shape, size", [((600, 1200), (240, 120)), ((3, 2000), (240, 1)), ((7, 5), (5, 7))]
)
def test_large_images_are_scaled_down(shape, size):
    shown = thumbnail(np.arange(shape[1]) + np.zeros((shape[0], 1)) < shape[1] / 2, "mask")
    assert (shown["width"], shown["height"]) == size
    pixels = picture({"src": shown["uri"]})
    assert pixels.shape == size[::-1] and pixels[0, 0] > 250 and pixels[-1, -1] < 5
