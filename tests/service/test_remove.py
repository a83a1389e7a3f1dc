"""``/api/remove``: a picture in, the finished picture out, with what was found in it."""

from __future__ import annotations

import numpy as np

from tests.service.asking import BOX, INSIDE, code, decoded, encoded, square


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
    found = decoded(client.remove(only="mask").content)
    expected = np.zeros((20, 30), np.uint8)
    expected[4:14, 6:16] = 255
    np.testing.assert_array_equal(found, expected)


def test_a_picture_may_be_the_whole_body(client):
    picture = encoded(square(), "JPEG", quality=95)
    response = client.post(
        "/api/remove?only=mask", content=picture, headers={"Content-Type": "image/jpeg"}
    )
    assert response.status_code == 200
    assert decoded(response.content)[5:13, 7:15].min() == 255


def test_what_is_not_there_or_wrong_is_named(client):
    for answer, status, name in (
        (client.post("/api/remove"), 400, "missing_file"),
        (client.remove(b"%PDF-1.7 and so on"), 400, "invalid_picture"),
        (client.remove(encoded(square())[:60]), 400, "invalid_picture"),
        (client.remove(only="all"), 400, "invalid_parameter"),
        (client.remove(colour="red"), 400, "unknown_parameter"),
        (client.remove(model="u3net"), 400, "unknown_model"),
        (client.get("/api/remov"), 404, "not_found"),
        (client.request("PUT", "/api/remove"), 405, "method_not_allowed"),
    ):
        assert (answer.status_code, code(answer)) == (status, name), answer.text


def test_the_page_and_nothing_beside_it(client):
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith(
        "default-src 'self'; img-src 'self' blob: data:;"
    )
    assert client.get("/page/index.html").content == page.content
    for name in ("..%2Fapp.py", "../app.py", "%2e%2e%2fapp.py", "nothing.js", ""):
        assert client.get(f"/page/{name}").status_code == 404
