"""``/api/remove``: a picture in, the finished picture out, with what was found in it."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.io.formats import available
from tests.service.asking import BOX, INSIDE, code, decoded, encoded, square

GREY = square(inside=(60, 60, 60))


def animation(frames=3) -> bytes:
    pictures = [Image.fromarray(square(inside=(250, 200, 190 + n))) for n in range(frames)]
    stream = io.BytesIO()
    pictures[0].save(stream, "WEBP", save_all=True, append_images=pictures[1:], lossless=True)
    return stream.getvalue()


def test_the_foreground_comes_back_with_what_was_found(client):
    response = client.remove()
    assert response.status_code == 200 and response.headers["content-type"] == "image/png"
    assert response.headers["x-box"] == ",".join(map(str, BOX))
    assert response.headers["x-found"] == "true"
    assert response.headers["x-area"] == "0.166667"
    found = decoded(response.content)
    left, top, right, bottom = BOX
    assert found.shape == (20, 30, 4)
    np.testing.assert_array_equal(found[top:bottom, left:right], [[(*INSIDE, 255)] * 10] * 10)
    assert found[..., 3].sum() == 100 * 255


def test_the_mask(client):
    expected = np.zeros((20, 30), np.uint8)
    expected[4:14, 6:16] = 255
    for fields in ({"only": "mask"}, {"om": "true"}, {"om": "1", "only": "mask"}):
        np.testing.assert_array_equal(decoded(client.remove(**fields).content), expected)


def test_nothing_there_is_told_and_is_no_error(client):
    response = client.remove(encoded(GREY), presence="0.5")
    assert response.headers["x-found"] == "false" and "x-box" not in response.headers
    assert not decoded(response.content).any()


def test_backgrounds_by_word_by_rembgs_numbers_and_as_a_file(client):
    behind = encoded(np.full((8, 8, 3), (1, 2, 3), np.uint8))
    answers = [
        client.remove(background="#010203"),
        client.remove(bgc="1,2,3"),
        client.remove(bgc="1,2,3,255"),
        client.post(
            "/api/remove",
            files={"file": ("a.png", encoded(square())), "background": ("b.png", behind)},
        ),
    ]
    for answer in answers:
        found = decoded(answer.content)
        assert tuple(found[0, 0, :3]) == (1, 2, 3) and tuple(found[8, 10, :3]) == INSIDE


def test_crop_square_and_size(client):
    assert decoded(client.remove(crop="true").content).shape == (10, 10, 4)
    assert decoded(client.remove(crop="2").content).shape == (14, 14, 4)
    wide = encoded(square(box=(2, 4, 22, 14)))
    assert decoded(client.remove(wide, crop="10%", square="on").content).shape == (24, 24, 4)
    assert decoded(client.remove(size="60x20").content).shape == (20, 60, 4)


def test_formats(client):
    for name, media_type in (
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("jpg", "image/jpeg"),
        ("tiff", "image/tiff"),
    ):
        response = client.remove(format=name)
        assert response.headers["content-type"] == media_type
        assert decoded(response.content).shape[:2] == (20, 30)
    assert "transparency" in client.remove(format="jpg").headers["x-notes"]
    few, many = (len(client.remove(format="webp", quality=q).content) for q in ("1", "lossless"))
    assert few != many


@pytest.mark.parametrize("name", ["heic", "avif"])
def test_formats_of_telephones_both_ways(client, name):
    kind = "HEIF" if available(name) == "heic" else "AVIF"
    content = encoded(square((40, 60), (12, 8, 32, 28)), kind)
    response = client.remove(content, format=name)
    assert response.headers["content-type"] == f"image/{name}"
    found = decoded(response.content)
    assert found.shape == (40, 60, 4)
    assert found[16, 20, 3] > 250 and found[2, 2, 3] < 5


def test_sixteen_bits_stay(client):
    deep = cv2.imencode(".png", square()[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    found = cv2.imdecode(np.frombuffer(client.remove(deep).content, np.uint8), -1)
    assert found.dtype == np.uint16
    assert found[8, 10].tolist() == [*(value * 257 for value in INSIDE[::-1]), 65535]


def test_place_and_camera_go_unless_they_are_kept(client):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.0)
    content = encoded(square(), "JPEG", quality=95, exif=exif)
    for asked, kept in (({}, False), ({"keep_exif": "true"}, True)):
        told = Image.open(io.BytesIO(client.remove(content, **asked).content)).getexif()
        assert bool(told.get_ifd(0x8825)) == (told.get(0x0110) == "a camera") == kept


def test_of_an_animation_the_first_frame_is_taken_and_said(client):
    response = client.remove(animation())
    assert response.headers["x-frame"] == "1 of 3"
    assert tuple(decoded(response.content)[8, 10, :3]) == INSIDE


def test_a_picture_may_be_the_whole_body(client):
    picture = encoded(square(), "JPEG", quality=95)
    response = client.post(
        "/api/remove?only=mask", content=picture, headers={"Content-Type": "image/jpeg"}
    )
    assert response.status_code == 200
    assert decoded(response.content)[5:13, 7:15].min() == 255


def test_rembgs_parameters_are_known(client):
    pytest.importorskip("scipy", reason="matting needs it")
    given = {"a": "true", "af": "240", "ab": "10", "ae": "10", "ppm": "true", "dc": "true"}
    assert client.remove(**given, vm="false", extras="{}").status_code == 200


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"only": "all"}, "invalid_parameter", "only: expected one of foreground, background"),
        ({"backgruond": "red"}, "unknown_parameter", "did you mean background?"),
        ({"background": "/etc/passwd"}, "invalid_parameter", "background: expected transparent"),
        ({"model": "u3net"}, "unknown_model", "expected one of bright, got 'u3net'"),
        ({"presence": "2"}, "invalid_parameter", "presence: Input should be less than"),
        ({"clean": "much"}, "invalid_parameter", "clean: expected true, false or a number"),
        ({"clean": "nan"}, "invalid_parameter", "clean: expected a number from 0 to 1"),
        ({"crop": "5em"}, "invalid_parameter", "crop: expected a margin"),
        ({"square": "true"}, "invalid_parameter", "square: has an effect with a crop only"),
        ({"size": "0x9"}, "invalid_parameter", "size: expected a width"),
        ({"format": "gif"}, "invalid_parameter", "format: expected one of png"),
        ({"format": "png", "quality": "3"}, "invalid_parameter", "quality: png is lossless"),
        ({"matting": "on"}, "invalid_parameter", "matting: expected one of off, band"),
        ({"bgc": "1,2"}, "invalid_parameter", "bgc: expected R,G,B"),
        ({"bgc": "1,2,300"}, "invalid_parameter", "of 0 to 255"),
        ({"om": "perhaps"}, "invalid_parameter", "om: Input should be a valid boolean"),
        ({"om": "true", "only": "background"}, "invalid_parameter", "only: it is said twice"),
        ({"vm": "true"}, "invalid_parameter", "there is no such network"),
        ({"extras": '{"model_path": "x"}'}, "invalid_parameter", "extras: there are no extra"),
        ({"extras": "{"}, "invalid_parameter", "extras: "),
        ({"extras": "[" * 20000}, "invalid_parameter", "extras: "),
        ({"af": "256"}, "invalid_parameter", "af: Input should be less than or equal to 255"),
    ],
)
def test_parameters_that_are_wrong(client, fields, name, said):
    answer = client.remove(**fields)
    assert (answer.status_code, code(answer)) == (400, name), answer.text
    assert said in answer.json()["error"]["message"]


def test_pictures_that_are_none(client):
    jpeg = encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8), "JPEG")
    for content in (b"", b"%PDF-1.7 and so on", encoded(square())[:60], jpeg[: len(jpeg) // 2]):
        answer = client.remove(content)
        assert (answer.status_code, code(answer)) == (400, "invalid_picture"), answer.text
        assert answer.json()["error"]["message"].startswith("file: ")
    answer = client.post(
        "/api/remove",
        files={"file": ("a.png", encoded(square())), "background": ("b.png", b"nothing")},
    )
    assert (answer.status_code, code(answer)) == (400, "invalid_picture")
    assert answer.json()["error"]["message"].startswith("background: ")


def test_a_crop_without_an_object(client):
    answer = client.remove(encoded(GREY), crop="true")
    assert (answer.status_code, code(answer)) == (422, "nothing_found")


def test_forms_that_are_none(client):
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for content, headers, status, name in (
        (b"", {}, 400, "missing_file"),
        (b"", multipart, 400, "missing_file"),
        (part + b"cut", multipart, 400, None),
        (b"no form", multipart, 400, "invalid_form"),
        (b"--x\r\nno header\r\n\r\n", multipart, 400, "invalid_form"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "invalid_form"),
        (b"{", {"Content-Type": "application/json"}, 400, "invalid_json"),
        (b"[1]", {"Content-Type": "application/json"}, 400, "invalid_json"),
        (b'{"only": {}}', {"Content-Type": "application/json"}, 400, "invalid_parameter"),
        (b"x", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"\xff\xd8\xff\xe0&=&=\x00", {"Content-Type": "application/x-www-form-urlencoded"}, 400,
         "invalid_form"),
        (b"only=mask&only=mask", {"Content-Type": "application/x-www-form-urlencoded"}, 400,
         "invalid_parameter"),
    ):  # fmt: skip
        answer = client.post("/api/remove", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert name is None or code(answer) == name, answer.text


def test_files_and_addresses_that_are_not_expected(client):
    picture = ("a.png", encoded(square()))
    twice = client.post("/api/remove", files=[("file", picture), ("file", picture)])
    assert (twice.status_code, code(twice)) == (400, "invalid_parameter")
    other = client.post("/api/remove", files={"file": picture, "mask": picture})
    assert (other.status_code, code(other)) == (400, "unknown_parameter")
    many = client.post("/api/remove", files=[(f"f{n}", picture) for n in range(9)])
    assert (many.status_code, code(many)) == (400, "invalid_form")
    both = client.remove(url="http://example.org/a.png")
    assert (both.status_code, code(both)) == (400, "invalid_parameter")
    for answer in (
        client.get("/api/remove?url=http://example.org/a.png"),
        client.post("/api/remove", data={"url": "http://example.org/a.png"}),
    ):
        assert (answer.status_code, code(answer)) == (403, "url_not_allowed")


def test_other_addresses_and_methods(client):
    for answer, status, name in (
        (client.get("/api/remov"), 404, "not_found"),
        (client.request("PUT", "/api/remove"), 405, "method_not_allowed"),
        (client.get("/v2"), 404, "not_found"),
    ):
        assert (answer.status_code, code(answer)) == (status, name)


def test_the_page_and_nothing_beside_it(client):
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith(
        "default-src 'self'; img-src 'self' blob: data:;"
    )
    assert "access-control-allow-origin" not in page.headers
    assert client.get("/page/index.html").content == page.content
    script = client.get("/page/page.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    for name in ("..%2Fapp.py", "../app.py", "%2e%2e%2fapp.py", "nothing.js", "", "%00", "a/b"):
        assert client.get(f"/page/{name}").status_code == 404
