import io
import subprocess
import sys
from fractions import Fraction

import cv2
import numpy as np
import pytest

from paddleseg_u2net.video.live import sinks
from paddleseg_u2net.video.live.sinks import Raw, VirtualCamera, Window, open_sink

SIZE = (64, 48)
RATE = Fraction(25)


def _pictures(channels=3, count=5):
    shape = (SIZE[1], SIZE[0], channels)[: 3 if channels > 1 else 2]
    return list(np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8))


class Screen:
    """OpenCV's windows, as far as they are used."""

    def __init__(self, monkeypatch):
        self.shown, self.size, self.key, self.visible, self.ended = [], None, -1, 1, False
        monkeypatch.setenv("DISPLAY", ":0")
        for name, act in {
            "namedWindow": lambda *_: None,
            "resizeWindow": lambda name, width, height: setattr(self, "size", (width, height)),
            "imshow": lambda name, picture: self.shown.append(picture),
            "waitKey": lambda wait: self.key,
            "getWindowProperty": lambda *_: self.visible,
            "destroyAllWindows": lambda: setattr(self, "ended", True),
        }.items():
            monkeypatch.setattr(cv2, name, act)


def test_a_window_shows_frames_until_it_is_closed(monkeypatch):
    screen = Screen(monkeypatch)
    window = open_sink("", SIZE, RATE, "rgb", None, None)
    pictures = _pictures()
    assert window.write(pictures[0], Fraction(0)) and window.write(pictures[1], Fraction(1))
    assert screen.size == SIZE
    np.testing.assert_array_equal(screen.shown[1], pictures[1][..., ::-1])
    screen.key = ord("q")
    assert not window.write(pictures[2], Fraction(2))
    screen.key, screen.visible = -1, 0
    assert not window.write(pictures[3], Fraction(3))
    window.close()
    assert screen.ended


def test_what_is_transparent_is_shown_before_squares(monkeypatch):
    screen = Screen(monkeypatch)
    picture = _pictures(4, 1)[0]
    picture[:12, :12, 3], picture[:12, 12:24, 3], picture[20:, :, 3] = 0, 0, 255
    Window().write(picture, Fraction(0))
    found = screen.shown[0]
    assert (found[:12, :12] == 225).all() and (found[:12, 12:24] == 255).all()
    np.testing.assert_array_equal(found[20:], picture[20:, :, 2::-1])


def test_without_a_screen_it_says_what_else_there_is(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ValueError, match="window: there is no screen .* - for raw frames"):
        Window()


def test_an_opencv_without_windows_says_so(monkeypatch):
    def headless(*_):
        raise cv2.error("The function is not implemented")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", headless)
    with pytest.raises(ValueError, match="opencv-python in place of opencv-python-headless"):
        Window()


@pytest.mark.parametrize("kind, channels", [("rgb", 3), ("rgba", 4), ("grey", 1)])
def test_raw_frames_are_what_ffmpeg_takes(kind, channels, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="make runtimes").get_ffmpeg_exe()
    stream, pictures = io.BytesIO(), _pictures(channels)
    raw = Raw(stream, SIZE, RATE, kind)
    for number, picture in enumerate(pictures):
        # A part of a larger picture is written as it is seen.
        assert raw.write(
            np.pad(picture, [(1, 1)] * 2 + [(0, 0)] * (picture.ndim - 2))[1:-1, 1:-1], number
        )
    words = raw.words().split()
    back = ["-f", "rawvideo", "-pix_fmt", sinks.PIXELS[kind], "-fps_mode", "passthrough", "-"]
    command = [ffmpeg, "-v", "fatal", *words, "-i", "-", *back]
    done = subprocess.run(command, input=stream.getvalue(), capture_output=True)
    assert done.returncode == 0
    found = np.frombuffer(done.stdout, np.uint8).reshape(len(pictures), *pictures[0].shape)
    np.testing.assert_array_equal(found, pictures)


class Pretended:
    """A backend for the real pyvirtualcam, which needs a driver."""

    def __init__(self, *, width, height, fps, fourcc, device, **_):
        if device == "/dev/none":
            raise RuntimeError("no such device")
        self.asked, self.name = (width, height, fps), device or "/dev/video9"
        Pretended.sent.append(self.asked)

    def close(self):
        Pretended.sent.append("closed")

    def send(self, frame):
        Pretended.sent.append(frame.copy())

    def device(self):
        return self.name

    def native_fourcc(self):
        return None


@pytest.fixture
def pretended(monkeypatch):
    """pyvirtualcam itself where it is, over a driver that keeps what is sent."""
    pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="make runtimes")
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {"pretended": Pretended})
    monkeypatch.setattr(Pretended, "sent", [], raising=False)
    return Pretended


@pytest.mark.parametrize("kind, channels", [("rgb", 3), ("grey", 1)])
def test_a_virtual_camera_gets_every_frame(pretended, kind, channels):
    camera = open_sink("virtual", SIZE, RATE, kind, None, None)
    assert camera.notes() == ("other programs see it as /dev/video9",)
    pictures = _pictures(channels)
    for picture in pictures:
        assert camera.write(picture, Fraction(0))
    camera.close()
    assert pretended.sent[0] == (*SIZE, 25) and pretended.sent[-1] == "closed"
    np.testing.assert_array_equal(np.reshape(pretended.sent[1:-1], np.shape(pictures)), pictures)


def test_which_virtual_camera_and_what_it_cannot(pretended, monkeypatch):
    named = open_sink("virtual:/dev/video4", SIZE, RATE, "rgb", None, None)
    assert isinstance(named, VirtualCamera) and named.device == "/dev/video4"
    named.close()
    with pytest.raises(ValueError, match="virtual: 'pretended' backend: no such device; on Linux"):
        open_sink("virtual:/dev/none", SIZE, RATE, "rgb", None, None)
    with pytest.raises(ValueError, match="virtual: .* no transparency; give a --background"):
        open_sink("virtual", SIZE, RATE, "rgba", None, None)
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(ValueError, match="pip install pyvirtualcam"):
        open_sink("virtual", SIZE, RATE, "rgb", None, None)
