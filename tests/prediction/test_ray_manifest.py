"""The manifest of a large job, and what of a source is missing by it; no Ray is started."""

from __future__ import annotations

import pytest

from paddleseg_u2net.prediction.cluster import job, manifest, read_manifest
from paddleseg_u2net.prediction.cluster.listing import Found
from paddleseg_u2net.prediction.cluster.remote import RemoteError, place

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: make runtimes")
pytest.importorskip("fsspec", reason="fsspec is not installed: make runtimes")

SETTINGS = {"only": "foreground", "model": "a"}


def row(name, state="done", **more):
    return {"input": name, "output": f"{name}.png", "state": state, **more}


def written(folder, *runs):
    """A manifest of several runs, of several files each."""
    for parts in runs:
        writer = manifest.Writer(place(str(folder)) / manifest.FOLDER)
        for rows in parts:
            writer.add(rows)
            writer.flush()


def test_the_last_row_of_a_picture_wins(tmp_path):
    first = [row("a", "failed", error="a: cut"), row("b", box=[1, 2, 3, 4], area=0.5)]
    written(tmp_path, [first, [row("c")]], [[row("a", "empty", presence=0.1)]])
    table = read_manifest(str(tmp_path))
    assert table.schema == manifest.schema()
    assert table.column("input").to_pylist() == ["b", "c", "a"]
    assert table.column("state").to_pylist() == ["done", "done", "empty"]
    assert table.to_pylist()[0]["box"] == [1, 2, 3, 4]
    assert read_manifest(str(tmp_path), ["state"]).column_names == ["state"]
    assert pq.read_table(tmp_path / "_manifest").num_rows == 4  # settings are no table


def test_no_manifest_is_an_empty_one(tmp_path):
    assert read_manifest(str(tmp_path / "none")).num_rows == 0


def test_rows_are_in_files_while_a_job_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "_ROWS", 3)
    writer = manifest.Writer(place(str(tmp_path)))
    writer.add([row("a"), row("b")])
    assert manifest.parts_of(place(str(tmp_path))) == []
    writer.add([row("c"), row("d")])
    assert len(manifest.parts_of(place(str(tmp_path)))) == 1
    monkeypatch.setattr(manifest, "_SECONDS", 0.0)
    writer.add([row("e")])
    assert len(manifest.parts_of(place(str(tmp_path)))) == 2
    writer.flush()  # nothing is left
    assert len(manifest.parts_of(place(str(tmp_path)))) == 2


@pytest.fixture
def made(tmp_path):
    """A target where two of three pictures are done."""
    target = place(str(tmp_path / "out"))
    for name in "ab":
        (target / f"{name}.png").write(b"1234")
    own = {"identity": "1", "bytes": 4, "settings": job.settings_hash(SETTINGS)}
    names = [str(tmp_path / "in" / f"{name}.jpg") for name in "abc"]
    rows = [
        {**row(name, state, **own), "output": (target / f"{letter}.png").address}
        for name, letter, state in zip(names, "abc", ("done", "empty", "failed"))
    ]
    written(tmp_path / "out", [rows])
    manifest.write_settings(target / manifest.FOLDER, job.settings_hash(SETTINGS), SETTINGS)
    found = [Found(name, f"{letter}.jpg", "1") for name, letter in zip(names, "abc")]
    return target, found


def plan(made, settings=SETTINGS, **how):
    target, found = made
    return job.planned(
        found, job.outputs_of(found, target, job.names_below([".png"])), target, settings, **how
    )


def names(found):
    return [row.input.rpartition("/")[2] for row in found.rows]


def test_only_what_is_missing_is_planned(made):
    assert (names(plan(made)), plan(made).kept) == (["c.jpg"], 2)
    assert plan(made).rows[0].known is None


def test_a_result_that_is_gone_or_cut_is_missing(made):
    target, _ = made
    (target / "a.png").write(b"12")
    target.fs.rm((target / "b.png").path)
    assert names(plan(made)) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_picture_that_was_replaced_is_missing(made):
    target, found = made
    assert names(plan((target, [found[0]._replace(identity="2"), found[1]]))) == ["a.jpg"]


def test_of_whom_nobody_knows_the_worker_asks(made):
    target, found = made
    planned = plan((target, [picture._replace(identity=None) for picture in found]))
    assert [row.known for row in planned.rows] == ["1", "1", None]


def test_a_result_of_another_name_is_missing(made):
    target, found = made
    beside = found[0]._replace(address=found[0].address[:-3] + "png", name="a.png")
    planned = plan((target, [*found[:2], beside]))
    assert [row.output.rpartition("/")[2] for row in planned.rows] == ["a.jpg.png", "a.png.png"]


def test_other_settings_are_told_and_again_does_all(made):
    other = {**SETTINGS, "only": "mask"}
    with pytest.raises(RemoteError, match="only was 'foreground', is 'mask'.*--again"):
        plan(made, other)
    assert names(plan(made, other, again=True)) == ["a.jpg", "b.jpg", "c.jpg"]


def test_results_of_another_source_stay(made, tmp_path):
    target, _ = made
    elsewhere = [Found(str(tmp_path / "new/a.jpg"), "a.jpg", "1")]
    assert names(plan((target, elsewhere))) == ["a.jpg"]  # the other one is not there any more
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(b"")
    with pytest.raises(RemoteError, match="is the result of .*in/a.jpg, which is not in this"):
        plan((target, elsewhere))


def test_no_picture_is_overwritten(tmp_path):
    found = [Found(str(tmp_path / "a.png"), "a.png", "1")]
    with pytest.raises(RemoteError, match="overwritten by its own result"):
        plan((place(str(tmp_path)), found))


def test_what_was_done_is_kept_however_a_job_ends(made):
    def work(rows):
        yield [row(rows[0].input)]
        yield [row(rows[1].input, "failed", error="no")]
        raise KeyboardInterrupt

    target, _ = made
    with pytest.raises(KeyboardInterrupt):
        job.do(plan(made, again=True), target, SETTINGS, work)
    table = read_manifest(target.address, ["state"])
    assert sorted(table.column("state").to_pylist()) == ["done", "failed", "failed"]


def test_a_summary_counts_all(made):
    def work(rows):
        yield [row("a"), row("b", "empty"), row("c", "failed", error="why"), row("d", "kept")]

    told = []
    summary = job.do(plan(made), made[0], SETTINGS, work, told.append)
    assert summary[:4] == (1, 1, 1, 3)
    assert told == ["why"]
    said = "2 of 6 images, 1 of them empty, 3 were done before, 1 failed"
    assert str(summary).startswith(said)
