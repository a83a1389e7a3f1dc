from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.evaluation.page import Gallery, Sample, page
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


def html(data_sets=ONE, columns=(F,), compared=None, figures=None, title="x", **more):
    return page(title, data_sets, columns, compared or columns, figures or {}, **more)


def soft(height=60, width=80):
    return np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)


def sample(name="bird.png", **changes):
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, :40] = 250, 20, 10
    values = {
        "score": 0.25,
        "mask": soft() > 127,
        "maps": {"u2net": soft(), "u2netp": 255 - soft()},
        "image": image,
        **changes,
    }
    return Sample(name, **values)


def gallery(*worst, best=()):
    return Gallery("DUTS-TE", "u2net", MAE, worst, best)


def picture(element):
    kind, data = re.fullmatch(r"data:image/(\w+);base64,([\w+/=]+)", element["src"]).groups()
    with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as image:
        assert image.format.lower() == kind
        return np.asarray(image)


def test_title_and_notes():
    parsed = Parsed(html(title="Scores of <maps>", notes=["one", "two"]))
    assert parsed.texts("title") == parsed.texts("h1") == ["Scores of <maps>"]
    assert parsed.texts("p", class_="note") == ["one", "two"]
    assert parsed.all("html", lang="en") and parsed.all("meta", charset="utf-8")
    assert parsed.all("meta", name="viewport")[0]["content"].startswith("width=device-width")


def test_nothing_comes_from_outside_and_one_script_runs():
    text = html(figures={"c": b"1"}, galleries=[gallery(sample())])
    assert text == html(figures={"c": b"1"}, galleries=[gallery(sample())])
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
    shown = [sample(NASTY, maps={NASTY: soft()})]
    text = html(
        {NASTY: {NASTY: {"maxF": 0.5}}},
        [Column("maxF", NASTY, True)],
        figures={NASTY: b"1"},
        title=NASTY,
        galleries=[Gallery(NASTY, NASTY, Column("x", NASTY, True), shown, ())],
        notes=[NASTY],
    )
    assert "<script>alert" not in text
    parsed = Parsed(text)
    assert len(parsed.all("script")) == 1
    for tag in ("title", "h1", "p", "th", "figcaption", "summary"):
        texts = [text for text in parsed.texts(tag) if text not in ("image", "mask", "method")]
        assert texts and all(NASTY in text for text in texts)
    images = parsed.all("img")
    alts = [NASTY, f"image of {NASTY}", f"mask of {NASTY}", f"map by {NASTY} of {NASTY}"]
    assert [element["alt"] for element in images] == alts
    known = {"tag", "text", "src", "alt", "width", "height"}
    assert all(set(element) <= known for element in images)


def test_templates_and_any_letters_in_names_are_text():
    parsed = Parsed(html({"{% if %}": {"{# x #}": {}}, "a\nb": {}}, title="{{ 7 * 7 }}"))
    assert parsed.texts("h1") == ["{{ 7 * 7 }}"]
    assert parsed.texts("th", scope="colgroup") == ["{% if %}", "a b"]
    assert "{# x #}" in parsed.texts("th")
    text = html({"S": {"ü\x00": {}}}, title="图像\udc80", notes=["\ud800"])
    assert "图像" in text.encode("utf-8").decode("utf-8") and "\x00" not in text


def test_figures_are_embedded_as_they_are():
    data = b"\x89PNG any bytes"
    (image,) = Parsed(html(figures={"PR curves": data})).all("img")
    assert image["alt"] == "PR curves"
    assert image["src"] == "data:image/png;base64," + base64.b64encode(data).decode()


def test_galleries():
    galleries = [
        gallery(sample("w1.png"), sample("w2.png", score=None), best=[sample("b.png")]),
        Gallery("SOD", "u2netp", F, [sample("only.png", image=None)], ()),
    ]
    parsed = Parsed(html(galleries=galleries))
    assert parsed.texts("summary") == ["DUTS-TE: u2net, by MAE ↓", "SOD: u2netp, by Fβ ↑"]
    assert parsed.texts("h3") == ["Worst", "Best", "Worst"]
    assert parsed.texts("p", class_="sample") == [
        "w1.png: MAE 0.250",
        "w2.png: MAE -",
        "b.png: MAE 0.250",
        "only.png: Fβ 0.250",
    ]
    captions = parsed.texts("figcaption")
    assert captions == ["image", "mask", "u2net", "u2netp"] * 3 + ["mask", "u2net", "u2netp"]
    alts = [image["alt"] for image in parsed.all("img")]
    assert alts[:3] == ["image of w1.png", "mask of w1.png", "map by u2net of w1.png"]
    assert ["open" in details for details in parsed.all("details")] == [True, False]


def test_small_images_keep_their_pixels():
    given = sample()
    image, mask, first, second = Parsed(html(galleries=[gallery(given)])).all("img")
    assert (image["width"], image["height"]) == ("80", "60")
    assert abs(picture(image)[30, 10].astype(int) - (250, 20, 10)).max() < 12
    assert picture(image)[30, 70].max() < 12
    np.testing.assert_array_equal(picture(mask), given.mask * np.uint8(255))
    for element, wanted in ((first, soft()), (second, 255 - soft())):
        assert abs(picture(element).astype(int) - wanted).max() < 12


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((600, 1200), (240, 120)),
        ((1000, 250), (60, 240)),
        ((240, 240), (240, 240)),
        ((3, 2000), (240, 1)),
        ((7, 5), (5, 7)),
    ],
)
def test_large_images_are_scaled_down(shape, size):
    mask = np.zeros(shape, np.uint8)
    mask[:, : shape[1] // 2] = 255
    given = sample(mask=mask, maps={}, image=None)
    (image,) = Parsed(html(galleries=[gallery(given)])).all("img")
    assert (int(image["width"]), int(image["height"])) == size
    shown = picture(image)
    assert shown.shape == size[::-1]
    assert shown[0, 0] > 250 and shown[-1, -1] < 5
