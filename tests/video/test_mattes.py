import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from paddleseg_u2net.inference import Pipeline, Preprocess
from paddleseg_u2net.io.video.types import Frame
from paddleseg_u2net.removal import Options, Remover
from paddleseg_u2net.video.mattes import canvas_size, mattes
from paddleseg_u2net.video.settings import Settings

HEIGHT, WIDTH, COUNT = 48, 64, 10
PLAIN = {"presence": 0.0, "networks": 2}


def _picture(number):
    """A bright disc that moves over a texture which stays."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[...] = (40 + 30 * np.sin(x / 3) * np.cos(y / 4))[..., None]
    picture[(x - 20 - 2 * number) ** 2 + (y - 24) ** 2 < 100] = 230
    return picture


def _frames(count=COUNT):
    for number in range(count):
        yield Frame(_picture(number), Fraction(number, 25), number)


class Network:
    """Says that what is bright is the foreground, and which frames it has seen."""

    output_type = "probability"

    def __init__(self, wait=0.0):
        self.seen, self.wait = 0, wait

    def __call__(self, batch):
        self.seen += 1
        time.sleep(self.wait)
        return (batch.mean(1, keepdims=True) > 0.3).astype(np.float32) * 0.9 + 0.05


def _remover(network=None, size=(40, 40), **words):
    return Remover(Pipeline(network or Network(), Preprocess(size=size), **words))


def test_every_frame_has_its_matte_in_order():
    found = list(mattes(_frames(), _remover(), Settings(**PLAIN)))
    assert [matte.frame.number for matte in found] == list(range(COUNT))
    for matte in found:
        assert matte.alpha.shape == (HEIGHT, WIDTH) and matte.alpha.dtype == np.uint8
        assert np.array_equal(matte.frame.picture, _picture(matte.frame.number))
        bright = matte.frame.picture[..., 0] == 230
        assert matte.alpha[bright].mean() > 200 and matte.alpha[~bright].mean() < 40
    assert found[0].motion is None and found[1].motion is not None


@pytest.mark.parametrize("type_of", ["paddleseg", "zoo"])
def test_without_steadiness_each_is_that_of_a_single_picture(type_of):
    remover = Remover(Pipeline(Network(), Preprocess(size=(40, 40), type=type_of)))
    settings = Settings(every=1, steady=0, ahead=0, presence=0)
    for matte in mattes(_frames(4), remover, settings):
        alone = remover(matte.frame.picture, Options(only="mask")).picture
        assert np.abs(matte.alpha.astype(int) - alone).max() <= 1


def test_the_network_sees_as_many_frames_as_was_asked_for():
    for every, seen in ((1, 10), (3, 4), (4, 3)):
        network = Network()
        found = list(mattes(_frames(), _remover(network), Settings(every=every, **PLAIN)))
        assert network.seen == seen
        assert [matte.ran for matte in found] == [n % every == 0 for n in range(COUNT)]
        for matte in found:
            bright = matte.frame.picture[..., 0] == 230
            assert matte.alpha[bright].mean() > 190 and matte.alpha[~bright].mean() < 50


def test_results_do_not_depend_on_who_is_fast():
    def alphas(network, frames, networks, live=False):
        settings = Settings(every="auto", networks=networks, live=live)
        found = mattes(frames, _remover(network), settings)
        return [(matte.alpha.tobytes(), matte.presence, matte.ran) for matte in found]

    def slow_frames():
        for frame in _frames():
            time.sleep(0.002)
            yield frame

    first = alphas(Network(), _frames(), 1)
    assert alphas(Network(0.005), _frames(), 3) == first
    assert alphas(Network(), slow_frames(), 2, live=True) == first


def test_an_error_of_the_reader_comes_behind_its_frames():
    def broken():
        yield from _frames(6)
        raise ValueError("clip.mp4: it is cut off")

    before, came = threading.active_count(), []
    with pytest.raises(ValueError, match="it is cut off"):
        for matte in mattes(broken(), _remover(), Settings(ahead=3, **PLAIN)):
            came.append(matte.frame.number)
    assert came == list(range(6)) and threading.active_count() == before


def test_an_error_of_the_network_comes_behind_the_frames_before():
    class Stops(Network):
        def __call__(self, batch):
            if self.seen == 5:
                raise MemoryError("no more")
            return super().__call__(batch)

    before, came = threading.active_count(), []
    with pytest.raises(MemoryError, match="no more"):
        for matte in mattes(_frames(), _remover(Stops()), Settings(every=1, networks=1)):
            came.append(matte.frame.number)
    assert came == list(range(5)) and threading.active_count() == before


def test_an_early_close_ends_all_threads_and_the_reader():
    before, closed = threading.active_count(), []

    def endless():
        try:
            number = 0
            while True:
                yield Frame(_picture(number % 8), Fraction(number), number)
                number += 1
        finally:
            closed.append(True)

    found = mattes(endless(), _remover(), Settings())
    assert next(found).frame.number == 0
    found.close()
    assert closed == [True] and threading.active_count() == before


def test_no_frames_are_no_mattes():
    assert list(mattes([], _remover())) == []


def test_frames_of_another_size_are_refused():
    def mixed():
        yield from _frames(2)
        yield Frame(np.zeros((20, 30, 3), np.uint8), Fraction(2), 2)

    with pytest.raises(ValueError, match="frame 2: expected 64x48 pixels, .* got 30x20"):
        list(mattes(mixed(), _remover()))


def test_nothing_is_kept_where_no_object_is():
    def nothing(batch):
        return np.full((1, 1, *batch.shape[2:]), -9, np.float32)

    found = list(mattes(_frames(3), _remover(nothing), Settings(presence=0.5)))
    assert not any(matte.found or matte.alpha.any() for matte in found)


@pytest.mark.parametrize(
    ("words", "size", "expected"),
    [
        ({"size": (320, 320)}, (1280, 720), (320, 320)),
        ({}, (100, 60), (100, 60)),
        ({}, (2048, 1024), (512, 256)),
        ({"fit": [{"long": 200}, {"pad": [256, 256]}]}, (1000, 500), (200, 100)),
    ],
)
def test_the_canvas_is_the_maps(words, size, expected):
    pipeline = Pipeline(Network(), Preprocess(**words))
    assert canvas_size(pipeline, size) == expected


def test_maps_of_a_fitted_network_lie_where_the_object_is():
    preprocess = Preprocess(fit=[{"long": 48}, {"pad": [64, 64]}])
    remover = Remover(Pipeline(Network(), preprocess))
    for matte in mattes(_frames(3), remover, Settings(**PLAIN)):
        bright = matte.frame.picture[..., 0] == 230
        assert matte.alpha[bright].mean() > 200 and matte.alpha[~bright].mean() < 40


def test_guided_upsampling_is_heeded():
    settings = Settings(steady=0, ahead=0, every=1, **PLAIN)
    plain, along = (
        next(mattes(_frames(1), _remover(size=(16, 16), upsampling=way), settings)).alpha
        for way in ("bilinear", "guided")
    )
    bright = _picture(0)[..., 0] == 230
    apart = [np.abs(alpha / 255 - bright).mean() for alpha in (plain, along)]
    assert apart[1] < 0.8 * apart[0]


def test_few_frames_are_read_ahead():
    """Or a long video would take the memory of its length."""
    read = []

    def long():
        for frame in _frames(80):
            read.append(frame.number)
            yield frame

    found = mattes(long(), _remover(), Settings(**PLAIN))
    for matte in found:
        time.sleep(0.002)  # all threads fill their places
        assert len(read) - matte.frame.number <= 30
    assert len(read) == 80
