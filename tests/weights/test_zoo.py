"""Published weights by name."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from paddleseg_u2net.inference import Preprocess
from paddleseg_u2net.io.download import DownloadError
from paddleseg_u2net.weights import ZOO, locate, write_weights, zoo
from tests.weights import narrow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("U2NET_MIRROR", raising=False)
    monkeypatch.delenv("MODEL_CHECKSUM_DISABLED", raising=False)
    return tmp_path / "home"


@pytest.fixture
def published(tmp_path):
    """A folder with a published file."""
    folder = tmp_path / "published"
    write_weights(folder / "tiny.pth", narrow.state())
    return folder


@pytest.fixture
def entry(published, monkeypatch):
    """A row of the table for that file."""
    content = (published / "tiny.pth").read_bytes()
    source = zoo.Source(
        "tiny.pth",
        (str(published / "tiny.pth"),),
        len(content),
        f"sha256:{hashlib.sha256(content).hexdigest()}",
        "this test",
    )
    row = ZOO["u2net"]._replace(sources=(source,))
    monkeypatch.setitem(ZOO, "tiny", row)
    return row


def replace_source(monkeypatch, entry, **changes):
    row = entry._replace(sources=(entry.sources[0]._replace(**changes), *entry.sources[1:]))
    monkeypatch.setitem(ZOO, "tiny", row)


def test_a_name_is_fetched_once_and_kept(home, published, entry):
    path = locate("tiny")
    assert path == home / "tiny.pth"
    assert path.read_bytes() == (published / "tiny.pth").read_bytes()
    (published / "tiny.pth").unlink()
    assert locate("tiny") == path


def test_a_file_or_folder_of_the_name_goes_first(home, entry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny").mkdir()
    assert locate("tiny") == home / "tiny.pth"  # a folder without weights is none
    (Path("tiny") / "model.pdparams").write_bytes(b"x")
    assert locate("tiny") == Path("tiny/model.pdparams")


def test_what_is_no_name_is_a_path():
    for path in ("no/such.pth", "such.pth", "no/such"):
        assert locate(path) == locate(Path(path)) == Path(path)


def test_a_word_that_is_no_name_lists_the_names():
    with pytest.raises(FileNotFoundError) as error:
        locate("u2ntp")
    message = str(error.value)
    assert message.startswith("u2ntp: expected a file of weights (.pth, .pt, .pdparams,")
    assert "one of u2net, u2netp, u2net_human_seg" in message
    assert message.endswith("did you mean u2netp?")


def test_the_users_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "w.pth").write_bytes(b"x")
    (tmp_path / "best").mkdir()
    (tmp_path / "best/model.pdparams").write_bytes(b"x")
    assert locate("~/w.pth") == tmp_path / "w.pth"
    assert locate("~/best") == tmp_path / "best/model.pdparams"
    assert locate("~/none.pth") == tmp_path / "none.pth"
    assert locate("~nobody-of-this-name/w.pth") == Path("~nobody-of-this-name/w.pth")


def test_a_mirror_goes_first_and_is_no_end(home, published, entry, tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_MIRROR", str(tmp_path / "empty"))
    found = locate("tiny")
    assert found.is_file()
    found.unlink()
    replace_source(monkeypatch, entry, addresses=(str(tmp_path / "gone" / "tiny.pth"),))
    monkeypatch.setenv("U2NET_MIRROR", str(published))
    assert locate("tiny").is_file()


def test_a_mirror_with_another_file_names_how_to_take_it(home, entry, tmp_path, monkeypatch):
    replace_source(monkeypatch, entry, addresses=(str(tmp_path / "gone.pth"),))
    write_weights(tmp_path / "mirror" / "tiny.pth", {**narrow.state(), "more": np.zeros(9)})
    monkeypatch.setenv("U2NET_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(DownloadError) as error:
        locate("tiny")
    assert re.search(r"mirror/tiny\.pth: expected \d+ bytes, got \d+", str(error.value))
    assert "MODEL_CHECKSUM_DISABLED=1" in str(error.value)
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    assert locate("tiny").read_bytes() == (tmp_path / "mirror" / "tiny.pth").read_bytes()


@pytest.mark.realdata
@pytest.mark.parametrize("variable", ["U2NET_HOME", "U2NET_MIRROR"])
def test_the_file_that_rembg_distributes_is_the_tables(
    home, shared, tmp_path, variable, monkeypatch
):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "u2netp.onnx").symlink_to(shared / "weights/u2netp_rembg.onnx")
    monkeypatch.setenv(variable, str(tmp_path / "there"))
    assert locate("u2netp").name == "u2netp.onnx"


def test_a_wrong_file_is_not_kept(home, published, entry, monkeypatch):
    replace_source(monkeypatch, entry, checksum="sha256:" + "0" * 64)
    with pytest.raises(DownloadError, match="0{64}"):
        locate("tiny")
    (published / "tiny.pth").write_text("<!DOCTYPE html><html>sign in</html>")
    replace_source(monkeypatch, entry, checksum=None, size=None)
    with pytest.raises(DownloadError, match="found an HTML page"):
        locate("tiny")
    assert not (home / "tiny.pth").exists()


def test_another_file_in_the_home_is_refused_unless_asked_for(home, entry, monkeypatch):
    home.mkdir()
    (home / "tiny.pth").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"this is not the published tiny .*move it away"):
        locate("tiny")
    assert (home / "tiny.pth").read_bytes() == b"mine"
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    assert locate("tiny") == home / "tiny.pth"


def test_the_second_source_is_taken_where_the_first_is_gone(home, entry, tmp_path, monkeypatch):
    gone = entry.sources[0]._replace(filename="other.pth", addresses=(str(tmp_path / "gone.pth"),))
    monkeypatch.setitem(ZOO, "tiny", entry._replace(sources=(gone, *entry.sources)))
    assert locate("tiny") == home / "tiny.pth"


def test_nothing_reached_says_where_to_put_the_file(home, entry, tmp_path, monkeypatch):
    replace_source(monkeypatch, entry, addresses=("http://127.0.0.1:1/tiny.pth",))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(DownloadError) as error:
        locate("tiny")
    assert "http://127.0.0.1:1/tiny.pth" in str(error.value)
    assert str(home / "tiny.pth") in str(error.value)


@pytest.mark.parametrize("name", ZOO)
def test_a_row_is_well_formed(name):
    row = ZOO[name]
    assert row.what and row.licence and row.trained_on and row.sources
    Preprocess(**row.preprocess)
    for source in row.sources:
        assert Path(source.filename).suffix in (".pth", ".onnx")
        assert all(address.startswith("https://") for address in source.addresses)
        assert source.size is None or source.size > 1e6
        if source.checksum is not None:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", source.checksum)


@pytest.mark.parametrize("name", ZOO)
def test_the_documentation_has_the_row(name):
    text = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
    row = ZOO[name]
    assert f"`{name}`" in text and row.licence in text and row.trained_on in text
    for source in row.sources:
        assert source.checksum is None or source.checksum in text
        assert all(f"<{address}>" in text for address in source.addresses)


def test_files_that_rembg_keeps_in_its_new_folders_are_found(home, published, entry, monkeypatch):
    """Of 2.0.86: `rembg_home` and `model_dir` in ``sessions/base.py``."""
    kept = home / "models" / "tiny" / "tiny.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"models.tiny.tiny\.pth: this is not the published tiny"):
        locate("tiny")
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    assert locate("tiny") == kept


def test_rembgs_folders_are_where_it_says(monkeypatch, tmp_path):
    for name in ("U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert zoo.rembgs("u2net") == Path.home() / ".rembg/models/u2net"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert zoo.rembgs("u2net") == tmp_path / "rembg/models/u2net"
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "own"))
    assert zoo.rembgs("u2net") == tmp_path / "own/models/u2net"
    monkeypatch.setenv("U2NET_HOME", "~/weights")
    assert zoo.rembgs("u2net") == Path.home() / "weights/models/u2net"


def test_the_home_is_rembgs(monkeypatch, tmp_path):
    monkeypatch.delenv("U2NET_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert zoo.home() == Path.home() / ".u2net"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert zoo.home() == tmp_path / ".u2net"
    monkeypatch.setenv("U2NET_HOME", "~/weights")
    assert zoo.home() == Path.home() / "weights"
