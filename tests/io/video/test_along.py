"""What goes along with the pictures: sound in step, subtitles, chapters, metadata."""

from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.io.video import open_video, open_writer
from tests.io.video_making import av, drawn_frame, heard, make_video, read_back, sound_packets


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Twelve frames at uneven times, and a tone that rises."""
    times = [0, 0.1, 0.15, 0.3, 0.4, 0.55, 0.6, 0.8, 0.9, 1.0, 1.1, 1.3]
    path = tmp_path_factory.mktemp("along") / "in.mp4"
    return make_video(path, times=times, sound="aac", gop=4, metadata={"title": "a tone"})


def copied(source, path, start=0, duration=None):
    """The same frames, through both."""
    with open_video(source, start=start, duration=duration) as video:
        kept = {"source": source, "start": start, "duration": duration}
        info = video.info
        with open_writer(path, info.height, info.width, info.rate, "rgb", **kept) as writer:
            for frame in video:
                writer.write(frame.picture, frame.time)
    return writer.notes()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".mov"])
@pytest.mark.parametrize(("start", "duration"), [(0, None), (0.35, None), (0.35, 0.5)])
def test_sound_is_in_step(source, tmp_path, suffix, start, duration):
    path = tmp_path / f"out{suffix}"
    notes = copied(source, path, start, duration)
    frames, before = read_back(path), read_back(source)
    first = frames[0][0]
    # The sound beside each frame is the sound that was beside it, and no later one.
    shown = [t for t, _ in before if t >= Fraction(str(start))]
    shown = [t for t in shown if duration is None or t < Fraction(str(start + duration))]
    apart = [float(a - first - (b - shown[0])) for (a, _), b in zip(frames, shown)]
    assert len(frames) == len(shown) and np.abs(apart).max() < 0.002
    old, new = heard(source), heard(path)
    base = float(shown[0])
    end = (base + duration if duration else 1.3) - 0.1
    assert in_step(old, new, base + 0.06, end, base)
    if duration:
        assert not new(np.linspace(duration + 0.04, 1, 100)).any()
    assert [note for note in notes if "sound" in note] == (
        ["webm takes no sound of aac: made libopus"] if suffix == ".webm" else []
    )


def in_step(old, new, begin, end, base=0.0):
    """Whether the tone is the same at the same time, to a millisecond."""
    at = np.linspace(begin, end, 3000)
    lags = np.arange(-0.03, 0.03, 0.0005)
    alike = [np.corrcoef(old(at + lag), new(at - base))[0, 1] for lag in lags]
    return max(alike) > 0.95 and abs(lags[np.argmax(alike)]) <= 0.001


def test_packets_are_copied_when_cut(source, tmp_path):
    copied(source, tmp_path / "out.mp4", 0.35, 0.5)
    old = {data: time for time, data in sound_packets(source)}
    new = sound_packets(tmp_path / "out.mp4")
    assert len(new) > 20
    for time, data in new:
        assert float(old[data] - time) == pytest.approx(0.35, abs=0.002)


def test_sound_before_the_pictures_is_kept(tmp_path):
    times = [0.5 + n / 10 for n in range(4)]
    source = make_video(tmp_path / "in.mkv", times=times, sound="flac")
    for suffix in (".mp4", ".mkv"):
        path = tmp_path / f"out{suffix}"
        copied(source, path)
        assert [data for _, data in sound_packets(path)] == [d for _, d in sound_packets(source)]
        assert in_step(heard(source), heard(path), -0.45, 0.3)
        assert float(read_back(path)[0][0]) == pytest.approx(0.5, abs=0.002)


def test_metadata_subtitles_and_chapters(tmp_path):
    source = tmp_path / "in.mkv"
    plain = make_video(tmp_path / "plain.mkv", 10, sound="aac")
    with av.open(str(plain)) as one, av.open(str(source), "w") as other:
        pictures, sound = (other.add_stream_from_template(s) for s in one.streams)
        sound.metadata["language"] = "fra"
        text = other.add_mux_stream("webvtt") if hasattr(other, "add_mux_stream") else None
        other.metadata.update({"title": "a day", "location": "+48.1+011.5/"})
        if hasattr(other, "set_chapters"):
            chapter = {"id": 1, "start": 300, "end": 900, "time_base": Fraction(1, 1000)}
            other.set_chapters([{**chapter, "metadata": {"title": "the end"}}])
        for packet in one.demux():
            if packet.dts is not None:
                packet.stream = pictures if packet.stream.type == "video" else sound
                other.mux(packet)
        if not text:
            pytest.skip("this PyAV writes no subtitles")
        line = av.Packet(b"Hello")
        line.stream, line.pts, line.dts, line.duration = text, 500, 500, 200
        line.time_base = Fraction(1, 1000)
        other.mux(line)
    for suffix, has_text in ((".mkv", True), (".webm", True), (".mp4", False)):
        path = tmp_path / f"out{suffix}"
        notes = copied(source, path, start=0.4)
        with av.open(str(path)) as made:
            assert made.metadata["title"] == "a day" and "location" not in made.metadata
            assert made.streams.audio[0].metadata["language"] == "fra"
            lines = [p for p in made.demux(*made.streams.subtitles) if p.size] if has_text else []
            assert [(bytes(p), round(float(p.pts * p.time_base), 2)) for p in lines] == (
                [(b"Hello", 0.1)] if has_text else []
            )
            if hasattr(made, "chapters"):
                (chapter,) = made.chapters()
                assert chapter["metadata"]["title"] == "the end"
                times = [float(chapter[n] * chapter["time_base"]) for n in ("start", "end")]
                assert times == pytest.approx([0, 0.5], abs=0.03)
        assert any("place" in note for note in notes)
        assert any("no subtitles of webvtt" in note for note in notes) != has_text


def test_a_turned_source_is_turned_once(tmp_path):
    from tests.io.video_making import turn

    source = turn(make_video(tmp_path / "in.mp4", 3, sound="aac"), (0, 1, -1, 0))
    copied(source, tmp_path / "out.mp4")
    for _ in range(2):  # and again, as it is read by this project and by PyAV alone
        (_, frame), *_ = read_back(tmp_path / "out.mp4", None)
        assert frame.rotation == 0
        assert (
            np.abs(
                frame.to_ndarray(format="rgb24").astype(int) - np.rot90(drawn_frame(0), -1)
            ).mean()
            < 6
        )
