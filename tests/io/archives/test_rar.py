"""RAR: stored files need no program, all others come from one that prints them."""

import stat
import sys
import textwrap

import pytest

from paddleseg_u2net.io.archives import unpack

from .conftest import FILES, files_in, tree
from .packing import make_rar5


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a program called unrar first; it runs Python code with ``args`` and ``out``."""

    def install(code):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "unrar"
        program.write_text(
            f"#!{sys.executable}\n"
            "import sys\n"
            "args, out = sys.argv[1:], sys.stdout.buffer\n"
            "if '-?' in args: sys.exit()\n" + textwrap.dedent(code)
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))

    if sys.platform == "win32":
        pytest.skip("the fake program is a script")
    return install


def test_stored_files_need_no_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    unpack(make_rar5(tmp_path / "a.rar", FILES), tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES


def test_no_program(tmp_path, refused, monkeypatch):
    archive = make_rar5(tmp_path / "a.rar", FILES, method=3)
    monkeypatch.setenv("PATH", "")
    refused(archive, "no program", "unrar", "apt-get install unar")


def test_no_package(tmp_path, refused, monkeypatch):
    archive = make_rar5(tmp_path / "a.rar", FILES)
    monkeypatch.setitem(sys.modules, "rarfile", None)
    refused(archive, "pip install rarfile")


def test_what_the_program_prints_is_cut_by_size(tmp_path, fake):
    archive = make_rar5(
        tmp_path / "a.rar", [("a", b"one"), ("._a", b"xx"), ("b", b"three")], method=3
    )
    fake("out.write(b'onexxthree')")
    unpack(archive, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"a": b"one", "b": b"three"}


@pytest.mark.parametrize(
    ("printed", "name"), [(b"onexxthr", "'b'"), (b"onexxThree", "'b'"), (b"onxxxthree", "'a'")]
)
def test_a_program_that_prints_something_else(tmp_path, refused, fake, printed, name):
    archive = make_rar5(
        tmp_path / "a.rar", [("a", b"one"), ("._a", b"xx"), ("b", b"three")], method=3
    )
    fake(f"out.write({printed!r})")
    refused(archive, name, "fetch it again", "install unrar")


def test_a_program_that_never_ends_is_ended(tmp_path, fake):
    archive = make_rar5(tmp_path / "a.rar", [("a", b"one")], method=3)
    fake("out.write(b'one'); out.flush()\nimport time; time.sleep(1000)")
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a": b"one"}


def test_the_password_is_given_to_the_program(tmp_path, fake, refused, monkeypatch):
    archive = make_rar5(tmp_path / "a.rar", [("a", b"one")], method=3)
    fake("out.write(b'one' if '-pright' in args else b'')")
    rarfile = pytest.importorskip("rarfile")
    monkeypatch.setattr(rarfile.RarFile, "needs_password", lambda self: True)
    refused(archive, "encrypted", "give the password")
    refused(archive, "the password is wrong", password="wrong")
    unpack(archive, tmp_path / "out", password="right")
    assert files_in(tmp_path / "out") == {"a": b"one"}


def test_rar_volumes(tmp_path, refused):
    first = make_rar5(tmp_path / "a.part1.rar", [("a.txt", b"1")], volume=0, more=True)
    second = tmp_path / "a.part2.rar"
    refused(first, "a.part2.rar")
    make_rar5(second, [("b.txt", b"2")], volume=1)
    refused(second, "first volume")
    unpack(first, tmp_path / "out")
    assert files_in(tmp_path / "out") == {"a.txt": b"1", "b.txt": b"2"}


def test_names_that_rarfile_takes_for_one(tmp_path, refused):
    refused(make_rar5(tmp_path / "a.rar", [(b"\xff", b"1"), (b"\xfe", b"2")]), "twice")
