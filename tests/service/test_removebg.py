"""``/v1.0/removebg``: what remove.bg's clients send, and what they expect."""

from __future__ import annotations

import base64
import io
import zipfile

import numpy as np
import pytest

from tests.io.formats import swapped_profile
from tests.service.asking import INSIDE, decoded, encoded, square

PATH = "/v1.0/removebg"


def ask(client, picture=None, headers=None, files=(), **fields):
    content = encoded(square()) if picture is None else picture
    sent = {"image_file": ("a.png", content), **dict(files)}
    return client.post(PATH, files=sent, data=fields, headers=headers or {})


def shown(response) -> np.ndarray:
    assert response.status_code == 200, response.text
    return decoded(response.content)


def test_what_the_examples_of_its_documentation_send(client):
    for sent in (
        {"files": {"image_file": ("a.png", encoded(square()))}, "data": {"size": "auto"}},
        {"data": {"image_file_b64": base64.b64encode(encoded(square())).decode(), "size": "auto"}},
        {"json": {"image_file_b64": base64.b64encode(encoded(square())).decode(), "crop": False}},
    ):
        response = client.post(PATH, headers={"X-Api-Key": "any"}, **sent)
        found = shown(response)
        assert response.headers["content-type"] == "image/png"
        np.testing.assert_array_equal(found[4:14, 6:16], [[(*INSIDE, 255)] * 10] * 10)
        assert found[..., 3].sum() == 100 * 255
        expected = {"width": 30, "height": 20, "foreground-top": 4, "foreground-left": 6}
        expected.update({"foreground-width": 10, "foreground-height": 10, "credits-charged": 0})
        assert {k: int(response.headers[f"x-{k}"]) for k in expected} == expected
        assert response.headers["x-type"] == "other"
    assert "x-type" not in ask(client, type_level="none").headers


def test_the_answer_in_json(client):
    response = ask(client, headers={"Accept": "application/json"})
    data = response.json()["data"]
    np.testing.assert_array_equal(
        decoded(base64.b64decode(data.pop("result_b64"))), shown(ask(client))
    )
    assert data == {f"foreground_{k}": v for k, v in
                    (("top", 4), ("left", 6), ("width", 10), ("height", 10))}  # fmt: skip
    assert response.headers["x-width"] == "30"


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("ff8800", (255, 136, 0)),
        ("#ff8800", (255, 136, 0)),
        ("f80", (255, 136, 0)),
        ("f80f", (255, 136, 0)),
        ("ff880080", (255, 136, 0, 128)),
        ("green", (0, 128, 0)),
    ],
)
def test_colours_of_backgrounds(client, text, colour):
    found = shown(ask(client, bg_color=text, format="png"))
    assert tuple(found[0, 0]) == colour and tuple(found[8, 10, :3]) == INSIDE


def test_formats(client):
    assert ask(client).headers["content-type"] == "image/png"
    assert ask(client, bg_color="white").headers["content-type"] == "image/jpeg"
    assert ask(client, format="webp").headers["content-type"] == "image/webp"
    response = ask(client, format="zip")
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert sorted(archive.namelist()) == ["alpha.png", "color.jpg"]
        np.testing.assert_array_equal(
            decoded(archive.read("alpha.png")), shown(ask(client))[..., 3]
        )
        colour = decoded(archive.read("color.jpg"))
        assert np.abs(colour[8, 10].astype(int) - INSIDE).max() < 4


def test_the_opacity_alone(client):
    found = shown(ask(client, channels="alpha", bg_color="white"))
    np.testing.assert_array_equal(found, shown(ask(client))[..., 3])


def test_a_picture_behind(client):
    behind = encoded(np.full((40, 60, 3), (9, 8, 7), np.uint8))
    found = shown(ask(client, files=[("bg_image_file", ("b.png", behind))], format="png"))
    assert tuple(found[0, 0]) == (9, 8, 7) and tuple(found[8, 10]) == INSIDE
    own = encoded(square(), icc_profile=swapped_profile())
    found = shown(ask(client, own, files=[("bg_image_file", ("b.png", behind))], format="png"))
    assert np.abs(found[0, 0].astype(int) - (7, 8, 9)).max() <= 1
    broken = ask(client, files=[("bg_image_file", ("b.png", behind[:50]))])
    assert broken.status_code == 400
    assert broken.json()["errors"][0]["title"].startswith("bg_image_file: ")


def test_only_what_is_inside_the_region_is_found(client):
    picture = square()
    picture[4:14, 20:28] = INSIDE
    assert shown(ask(client, encoded(picture)))[..., 3].sum() == 180 * 255
    for roi in ("0% 0% 60% 100%", "0px 0px 18px 20px", "18 20 0 0"):
        response = ask(client, encoded(picture), roi=roi)
        found = shown(response)
        assert found.shape == (20, 30, 4) and found[..., 3].sum() == 100 * 255
        np.testing.assert_array_equal(found[4:14, 6:16, 3], 255)
        assert response.headers["x-foreground-left"] == "6"


def test_crop_and_its_margins(client):
    for margin, size in (
        ("0", (10, 10)),
        ("2px", (14, 14)),
        ("10%", (12, 12)),
        ("1px 3px", (12, 16)),
        ("1px 2px 3px 4px", (14, 16)),
        ("900px", (20, 20)),  # half of the object at most
    ):
        assert shown(ask(client, crop="true", crop_margin=margin)).shape[:2] == size, margin
    assert shown(ask(client, crop_margin="5px")).shape[:2] == (20, 30)


def test_scale_and_position(client):
    alpha = shown(ask(client, position="0% 100%"))[..., 3] > 127
    assert alpha[10:, :10].all() and alpha.sum() == 100
    alpha = shown(ask(client, position="center"))[..., 3] > 127
    assert alpha[5:15, 10:20].all() and alpha.sum() == 100
    alpha = shown(ask(client, scale="100%"))[..., 3] > 127
    assert alpha[2:18, 7:23].all() and 392 <= alpha.sum() <= 400  # corners are rounded
    alpha = shown(ask(client, scale="50%", position="100%"))[..., 3] > 127
    assert alpha[10:, 20:].all() and alpha.sum() == 100


def test_sizes(client):
    large = encoded(square((600, 900), (180, 120, 480, 420)))
    assert shown(ask(client, large)).shape[:2] == (408, 612)  # 250,000 pixels
    for size in ("auto", "full", "hd", "medium", "4k", "50MP"):
        assert shown(ask(client, large, size=size)).shape[:2] == (600, 900)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": "huge"}, "invalid_parameter"),
        ({"format": "gif"}, "invalid_parameter"),
        ({"channels": "rgb"}, "invalid_parameter"),
        ({"roi": "1 2 3"}, "invalid_parameter"),
        ({"roi": f"0 0 {'9' * 400} 9"}, "invalid_parameter"),
        ({"roi": "0% 0% 0% 100%"}, "invalid_parameter"),
        ({"crop": "true", "crop_margin": "x"}, "invalid_parameter"),
        ({"crop": "perhaps"}, "invalid_parameter"),
        ({"scale": "5%"}, "invalid_parameter"),
        ({"scale": "big"}, "invalid_parameter"),
        ({"position": "left"}, "invalid_parameter"),
        ({"position": "120%"}, "invalid_parameter"),
        ({"bg_color": "no colour"}, "invalid_parameter"),
        ({"bg_color": "white", "bg_image_url": "http://a.org/b.png"}, "multiple_backgrounds"),
        ({"add_shadow": "true"}, "invalid_parameter"),
        ({"image_url": "http://a.org/b.png"}, "multiple_sources"),
        ({"what": "ever"}, "unknown_parameter"),
    ],
)
def test_errors_have_its_form(client, fields, code):
    answer = ask(client, **fields)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == code and error["title"]


def test_sources_that_are_missing_or_broken(client):
    for sent, status, code in (
        ({}, 400, "missing_source"),
        ({"data": {"size": "auto"}}, 400, "missing_source"),
        ({"data": {"image_file": "text"}}, 400, "invalid_parameter"),
        ({"data": {"image_file_b64": "!!"}}, 400, "invalid_parameter"),
        ({"data": {"image_file_b64": "aGVsbG8="}}, 400, "invalid_picture"),
        ({"data": {"image_url": "http://example.org/a.png"}}, 403, "url_not_allowed"),
        ({"files": {"image_file": ("a", b"hello")}}, 400, "invalid_picture"),
    ):
        answer = client.post(PATH, **sent)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code), sent


def test_a_picture_without_an_object(client):
    answer = ask(client, encoded(square(inside=(60, 60, 60))))
    assert answer.status_code == 400
    assert answer.json() == {
        "errors": [
            {"title": "Could not identify foreground in image", "code": "unknown_foreground"}
        ]
    }


def test_keys(make):
    client = make(api_keys=("secret", "other"))
    for key in (None, "wrong", "secre", "secret2"):
        answer = ask(client, headers={"X-Api-Key": key} if key else {})
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["code"] == "auth_failed"
        assert client.remove().status_code == 403
    assert ask(client, headers={"X-Api-Key": "secret"}).status_code == 200
    assert ask(client, headers={"X-Api-Key": "other"}).status_code == 200
    assert client.get("/").status_code == 404 and client.get("/health").status_code == 200


@pytest.mark.parametrize("size", [(541, 520), (623, 520), (500, 520)])
def test_a_reduced_picture_has_no_border(client, size):
    content = encoded(np.full((*size, 3), 200, np.uint8))
    found = shown(ask(client, content, size="preview"))
    assert found.shape[0] * found.shape[1] <= 250_000
    np.testing.assert_array_equal(
        found, np.full_like(found, (200, 200, 200, 255)[: found.shape[2]])
    )
