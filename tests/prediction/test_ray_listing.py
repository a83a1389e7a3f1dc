"""Which pictures a source has, here and on an S3 server; no Ray is started."""

from __future__ import annotations

import pytest

from paddleseg_u2net.prediction.cluster import job
from paddleseg_u2net.prediction.cluster.listing import images_of
from paddleseg_u2net.prediction.cluster.remote import RemoteError, place
from paddleseg_u2net.prediction.jobs import collect
from paddleseg_u2net.prediction.naming import Names, Output
from tests.prediction.making import picture
from tests.prediction.s3_server import s3  # noqa: F401 (a fixture)

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: make runtimes")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("fsspec", reason="fsspec is not installed: make runtimes")

NAMES = job.names_below([".png"])


def found_in(source, target="/nowhere"):
    return images_of(str(source), place(str(target)), NAMES)


def short(found):
    return [(picture.address, picture.name) for picture in found]


@pytest.fixture
def photos(tmp_path):
    for name in ("a.jpg", "a.png", "x/b.JPG", "x/.hidden.jpg", ".h/c.jpg"):
        picture(tmp_path / "in" / name)
    (tmp_path / "in/notes.txt").write_text("")
    return tmp_path / "in"


def test_a_folder_has_the_names_of_the_local_command(photos, tmp_path):
    found = found_in(photos)
    jobs = collect(photos)
    assert [picture.address for picture in found] == [str(job.image) for job in jobs]
    local = Names(Output(folder=tmp_path / "out"), [".webp"], "{stem}_cut{suffix}")(jobs)
    names = job.names_below([".webp"], "{stem}_cut{suffix}")
    own = job.outputs_of(found, place(str(tmp_path / "out")), names)
    assert own == [str(path) for path in local]
    assert len(own) == 3


def test_a_replaced_file_has_another_identity(photos):
    before = [found.identity for found in found_in(photos)]
    assert before == [found.identity for found in found_in(photos)]
    assert before[0] == place(str(photos / "a.jpg")).stored().identity
    picture(photos / "a.jpg", None, quality=50)
    after = [found.identity for found in found_in(photos)]
    assert [old == new for old, new in zip(before, after)] == [False, True, True]


@pytest.mark.parametrize("kind", ["txt", "csv", "parquet"])
def test_lists_of_addresses(photos, tmp_path, kind):
    lines = ["in/a.jpg", "s3://bucket/x/y.jpg", "https://host/p/z.jpg?size=2", "in/a.jpg"]
    path = tmp_path / f"list.{kind}"
    if kind == "txt":
        path.write_text("# a comment\n" + "\n".join(lines) + "\n")
    elif kind == "csv":
        path.write_text("id,url\n" + "\n".join(f"{n},{line}" for n, line in enumerate(lines)))
    else:
        pq.write_table(pa.table({"id": range(4), "url": lines}), path)
    assert short(found_in(path)) == [
        (str(photos / "a.jpg"), "in/a.jpg"),
        ("s3://bucket/x/y.jpg", "bucket/x/y.jpg"),
        ("https://host/p/z.jpg?size=2", "host/p/z.jpg"),
    ]


def test_a_manifest_is_a_list(tmp_path):
    table = pa.table({"input": ["s3://b/a.jpg"], "output": ["s3://c/a.png"], "state": ["failed"]})
    pq.write_table(table, tmp_path / "failed.parquet")
    assert short(found_in(tmp_path / "failed.parquet")) == [("s3://b/a.jpg", "b/a.jpg")]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("l.csv", "a,b\n1,2\n", "expected a column named input, path.*found a, b"),
        ("l.parquet", "no", "expected a list of images"),
        ("l.txt", "\n", "expected images, found none"),
        ("l.csv", "", "found none"),
    ],
)
def test_lists_that_are_none(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=says):
        found_in(tmp_path / name)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("memory://a", "other processes"),
        ("zip://a.jpg::s3://b/c.zip", "plain address"),
        ("nowhere://a", "expected a path or an address such as s3"),
    ],
)
def test_addresses_that_workers_cannot_use(address, says):
    with pytest.raises(RemoteError, match=says):
        place(address)


def test_prefixes_and_patterns_of_a_store(s3):  # noqa: F811
    for key in ("in/a.jpg", "in/x/b.png", "in/x/.c.png", "in/out/a.png", "in/notes.md"):
        s3.pipe_file(f"bucket/{key}", b"content")
    base = "s3://bucket/in"
    assert short(found_in(base + "/", base + "/out")) == [
        (base + "/a.jpg", "a.jpg"),
        (base + "/x/b.png", "x/b.png"),
    ]
    assert short(found_in(base + "/*/b.png")) == [(base + "/x/b.png", "x/b.png")]
    assert short(found_in(base + "/a.jpg")) == [(base + "/a.jpg", "a.jpg")]
    s3.pipe_file("bucket/in/list.txt", b"a.jpg\ns3://bucket/in/x/b.png\ns3://other/a.jpg\n")
    assert short(found_in(base + "/list.txt")) == [
        (base + "/a.jpg", "a.jpg"),
        (base + "/x/b.png", "x/b.png"),
        ("s3://other/a.jpg", "other/a.jpg"),
    ]
    with pytest.raises(ValueError, match="expected images, found none"):
        found_in("s3://bucket/nothing")


def test_a_store_tells_that_a_picture_was_replaced(s3):  # noqa: F811
    for content, same in ((b"one", True), (b"one", True), (b"two", False)):
        s3.pipe_file("bucket/in/a.jpg", content)
        (found,) = found_in("s3://bucket/in")
        assert found.identity == place("s3://bucket/in/a.jpg").stored().identity
        assert (found.identity == "3-f97c5d29941bfb1b2fdab0874906ab82") is same  # MD5 of "one"
