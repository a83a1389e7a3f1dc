"""Images that label files name in one way or another."""

from __future__ import annotations

import pytest

from paddleseg_u2net.data_tools.annotations.image_index import ImageIndex


@pytest.fixture
def index(tmp_path):
    """Makes files of these names and lists them."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return ImageIndex(tmp_path)

    return make


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.png", "a.jpg"),
        ("a.JPG", "a.jpg"),
        ("a", "a.jpg"),
        ("C:\\me\\sub\\b.bmp", "sub/b.TIFF"),
        ("/home/me/b.jpg", "sub/b.TIFF"),
        ("sub/v1.2.png", "sub/v1.2.jpg"),
        ("v1.png", None),
        (".png", None),
        ("", None),
    ],
)
def test_images_of_another_suffix_are_found(index, tmp_path, name, found):
    images = index("a.jpg", "sub/b.TIFF", "sub/v1.2.jpg")
    assert images.find(name) == (tmp_path / found if found else None)
    assert images.find(name, any_suffix=False) in (None, tmp_path / "a.jpg")


def test_names_written_as_in_addresses(index, tmp_path):
    # As Label Studio writes them; a file that has the percent sign in its name is preferred.
    images = index("my photo é.png", "100%25.png", "100%.png")
    for name in ("my%20photo%20%C3%A9.png", "http://host/upload/1/my%20photo%20%C3%A9.png"):
        assert images.find(name) == tmp_path / "my photo é.png"
    assert (
        images.find("/data/local-files/?d=up%5Cmy%20photo%20é.png") == tmp_path / "my photo é.png"
    )
    assert images.find("100%25.png") == tmp_path / "100%25.png"
    assert images.find("http://host/100%.png") == tmp_path / "100%.png"
