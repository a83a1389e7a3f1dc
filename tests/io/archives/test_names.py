"""Names in archives lead into the target or are refused; other encodings lose nothing."""

import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddleseg_u2net.io.archives import ArchiveError, unpack
from paddleseg_u2net.io.archives.names import safe_path

from .conftest import files_in
from .packing import make_rar4, make_raw_zip, make_tar

ARCHIVE = Path("a.zip")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"../evil", "leads out"),
        (b"a/../../evil", "leads out"),
        (b"a/..", "leads out"),
        (b"..\\evil", "leads out"),
        (b"a\\..\\b", "leads out"),
        (b"/etc/passwd", "absolute"),
        (b"\\\\server\\share\\x", "absolute"),
        (b"\\x", "absolute"),
        (b"C:\\x", "absolute"),
        (b"c:x", "absolute"),
        (b"a\0.png", "control"),
        (b"a\nb", "control"),
        (b"a\x7f", "control"),
        ("a\x85b".encode(), "control"),
        (b"", "no name"),
    ],
)
def test_dangerous_names_are_refused(name, reason):
    with pytest.raises(ArchiveError, match=reason) as caught:
        safe_path(ARCHIVE, name)
    assert "a.zip" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"a/b.png", "a/b.png"),
        (b"./a//b.png", "a/b.png"),
        (b"a\\b.png", "a/b.png"),
        (b"a/", "a"),
        (b"./", "."),
        (b"...", "..."),
        ("Größe/猫.png".encode(), "Größe/猫.png"),
    ],
)
def test_plain_names_stay(name, path):
    assert safe_path(ARCHIVE, name, windows=False) == PurePosixPath(path)


@pytest.mark.parametrize(
    "name", ["aux.png", "a/CON", "LPT9.txt", "a./b", "a /b", "xx:y", "a?", "x\\nul"]
)
def test_windows_names_are_refused_there_only(name):
    safe_path(ARCHIVE, name.encode(), windows=False)
    with pytest.raises(ArchiveError, match="Windows"):
        safe_path(ARCHIVE, name.encode(), windows=True)


@given(st.binary(max_size=30), st.booleans())
@settings(max_examples=500, deadline=None)
def test_a_name_that_is_taken_stays_below_the_target(name, windows):
    try:
        path = safe_path(ARCHIVE, name, windows=windows)
    except ArchiveError:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert not any(sign in str(path) for sign in "\0\n\\")


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_images_and_masks_pair_in_every_format(tmp_path, encoding):
    stem = "猫咪图像"
    image, mask = f"i/{stem}.jpg".encode(encoding), f"m/{stem}.png".encode(encoding)
    make_raw_zip(tmp_path / "zip", [(image, b"1"), (mask, b"2")])
    make_rar4(tmp_path / "rar", [(image, b"1"), (mask, b"2")])
    tar_names = [name.decode("utf-8", "surrogateescape") for name in (image, mask)]
    options = {"format": 1, "encoding": "utf-8", "errors": "surrogateescape"}
    make_tar(tmp_path / "tar", zip(tar_names, (b"1", b"2")), **options)
    found = {}
    for kind in ("zip", "tar", "rar"):
        names = unpack(tmp_path / kind, tmp_path / f"out-{kind}")
        assert names[0].stem == names[1].stem
        assert [path.parts[0] for path in names] == ["i", "m"]
        assert sorted(files_in(tmp_path / f"out-{kind}").values()) == [b"1", b"2"]
        found[kind] = names
    assert found["zip"] == found["tar"] == found["rar"]
    if encoding == "utf-8":
        assert found["zip"][0].stem == stem


def test_zip_name_with_the_flag_is_utf8(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("Größe/猫.png", b"1")
    assert unpack(tmp_path / "a.zip", tmp_path / "out") == [PurePosixPath("Größe/猫.png")]
