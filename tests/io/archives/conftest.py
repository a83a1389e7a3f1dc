"""What the tests of archives share: a place to unpack to, and a look at all that was written."""

from pathlib import Path

import pytest

from paddleseg_u2net.io.archives import ArchiveError, unpack

# The tree of a data set, a little of it.
FILES = {
    "DUTS-TR/DUTS-TR-Image/ILSVRC2012_1.jpg": b"\xff\xd8image one" * 40,
    "DUTS-TR/DUTS-TR-Image/ILSVRC2012_2.jpg": b"",
    "DUTS-TR/DUTS-TR-Mask/ILSVRC2012_1.png": bytes(range(256)) * 20,
}


def tree(folder: Path) -> dict:
    """Everything below a folder: the bytes of files, None for folders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def files_in(folder: Path) -> dict:
    return {name: data for name, data in tree(folder).items() if data is not None}


@pytest.fixture
def refused(tmp_path):
    """Unpacks, expects an error with these words, and that nothing was left or written."""

    def check(archive, *words, error=ArchiveError, **options):
        before = tree(tmp_path)
        with pytest.raises(error) as caught:
            unpack(archive, tmp_path / "out", **options)
        message = str(caught.value)
        assert Path(archive).name in message or error is not ArchiveError
        for word in words:
            assert word in message, message
        assert tree(tmp_path) == before
        return message

    return check
