"""`remove` gives what it takes: types, sizes, channels; the default model is loaded once."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net import Predictor, new_session, remove
from paddleseg_u2net.io.images import ImageError
from paddleseg_u2net.predictor import remove as module
from paddleseg_u2net.removal import NothingFound, Options
from tests.inference.exporting import picture
from tests.io.formats import swapped_profile


@pytest.fixture(scope="module")
def session(narrow_weights) -> Predictor:
    return new_session(narrow_weights, threads=1)


def content_of(array, **more) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", **more)
    return stream.getvalue()


def pixels(content) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.format == "PNG"
        return np.array(opened)


def test_each_kind_of_data_comes_back_as_itself(session, tmp_path):
    array = picture(40, 60)
    content = content_of(array)
    (tmp_path / "a.png").write_bytes(content)
    expected = session.cutout(array)
    assert expected.shape == (40, 60, 4) and len(np.unique(expected[..., 3])) > 9
    np.testing.assert_array_equal(remove(array, session=session), expected)
    found = remove(Image.fromarray(array), session=session)
    assert isinstance(found, Image.Image) and found.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(found), expected)
    for kind in (bytes, bytearray, memoryview):
        found = remove(kind(content), session=session)
        assert type(found) is kind
        np.testing.assert_array_equal(pixels(found), expected)
    for kind in (str, type(tmp_path)):
        found = remove(kind(tmp_path / "a.png"), session=session)
        assert found == kind(tmp_path / "a.cutout.png")
        np.testing.assert_array_equal(pixels((tmp_path / "a.cutout.png").read_bytes()), expected)
    assert (tmp_path / "a.png").read_bytes() == content


@pytest.mark.parametrize("kind", ["array", "pillow", "bytes", "path"])
def test_bytes_of_whatever_was_given(session, tmp_path, kind):
    array = picture(40, 60)
    (tmp_path / "a.png").write_bytes(content_of(array))
    data = {
        "array": array,
        "pillow": Image.fromarray(array),
        "bytes": bytearray(content_of(array)),
        "path": tmp_path / "a.png",
    }[kind]
    found = remove(data, session=session, force_return_bytes=True)
    assert type(found) is bytes
    np.testing.assert_array_equal(pixels(found), session.cutout(array))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_path_may_say_where_to(session, tmp_path):
    path, target = tmp_path / "a.png", tmp_path / "below.png"
    path.write_bytes(content_of(picture()))
    assert remove(path, session=session, output=target) == target
    assert target.is_file()
    with pytest.raises(ValueError, match=r"output: .*a\.png is the picture itself"):
        remove(path, session=session, output=tmp_path / "." / "a.png")
    with pytest.raises(ValueError, match="output: it has an effect on paths only"):
        remove(picture(), session=session, output=target)


def test_files_are_of_the_format_that_is_asked_for(session, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content_of(picture(40, 60)))
    assert remove(path, session=session, format="webp") == tmp_path / "a.cutout.webp"
    assert Image.open(tmp_path / "a.cutout.webp").format == "WEBP"
    found = remove(path, session=session, output=tmp_path / "b.jpg", background="red", quality=50)
    assert Image.open(found).format == "JPEG"
    content = remove(path.read_bytes(), session=session, format="tiff")
    assert Image.open(io.BytesIO(content)).format == "TIFF"
    opaque = {"background": "#010203", "bgcolor": (1, 2, 3)}
    for name, mode in (("background", "RGB"), ("bgcolor", "RGBA")):  # as rembg's
        content = remove(path.read_bytes(), session=session, **{name: opaque[name]})
        assert Image.open(io.BytesIO(content)).mode == mode
    for arguments, told in (
        ({"output": "a.xyz"}, r"output: expected a file that ends in one of \.png, \.webp"),
        ({"output": "a.jpg", "format": "webp"}, r"output: a\.jpg is jpg by its suffix, format is"),
        ({"format": "gif"}, "format: expected one of png, webp"),
        ({"quality": 50}, "quality: png is lossless"),
    ):
        with pytest.raises(ValueError, match=told):
            remove(path, session=session, **arguments)
    with pytest.raises(ValueError, match="format, quality, keep_exif: .* force_return_bytes=True"):
        remove(picture(), session=session, quality=50)


def test_what_stands_beside_the_pixels_goes_along(session, tmp_path, caplog):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = content_of(picture(40, 60), icc_profile=profile, dpi=(300, 300))
    found = Image.open(io.BytesIO(remove(content, session=session)))
    assert found.info["icc_profile"] == profile and round(found.info["dpi"][0]) == 300
    found = remove(Image.open(io.BytesIO(content)), session=session)
    assert found.info["icc_profile"] == profile
    assert "icc_profile" not in remove(found, session=session, only_mask=True).info
    found = remove(content, session=session, format="jpg")
    assert "picture: jpg has no transparency: what was transparent is white" in caplog.text
    assert Image.open(io.BytesIO(found)).getpixel((0, 0)) is not None


def test_a_predictor_mixes_colours_as_the_profile_says(session, tmp_path):
    content = content_of(picture(40, 60), icc_profile=swapped_profile())
    (tmp_path / "a.png").write_bytes(content)
    for given in (content, tmp_path / "a.png", Image.open(io.BytesIO(content))):
        found = session.cutout(given, background="#ff8020", presence=1)  # which refuses all
        assert np.abs(found.astype(int) - (0x20, 0x80, 0xFF)).max() <= 1  # red is blue there


def test_a_predictor_tells_what_a_file_lost(session):
    frames = [Image.fromarray(picture(40, 60 + count)).resize((60, 40)) for count in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    assert "an animation of 3 frames: the first is taken" in session.remove(stream.getvalue()).notes


def test_deep_files_stay_deep(session):
    import cv2

    deep = picture(40, 60).astype(np.uint16) * 257
    content = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    found = cv2.imdecode(np.frombuffer(remove(content, session=session), np.uint8), -1)
    assert found.dtype == np.uint16 and found.shape == (40, 60, 4)
    expected = session.cutout(picture(40, 60))
    np.testing.assert_array_equal(np.rint(found[..., 3] / 257), expected[..., 3])


def test_alpha_matting_is_matting_in_a_band_of_its_own(session, caplog):
    pytest.importorskip("scipy")
    array = picture(40, 60)
    expected = session.cutout(array, matting="band")
    assert not np.array_equal(expected, session.cutout(array))
    np.testing.assert_array_equal(remove(array, session=session, alpha_matting=True), expected)
    remove(array, session=session, alpha_matting_erode_size=5)
    assert "no effect" not in caplog.text
    found = remove(array, True, 200, 20, 5, session=session)
    np.testing.assert_array_equal(found, expected)
    assert "picture: the thresholds and the erode size of alpha_matting have no" in caplog.text


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "1"])
def test_modes_are_rembgs(session, mode):
    """As rembg 2.0.86 gives them: RGBA of all, L of masks, whatever came."""
    given = Image.fromarray(picture(30, 50)).convert(mode)
    kept = given.copy()
    for arguments in ({}, {"bgcolor": (255, 0, 0, 255)}, {"post_process_mask": True}):
        found = remove(given, session=session, **arguments)
        assert (found.mode, found.size) == ("RGBA", (50, 30))
    found = remove(given, session=session, only_mask=True)
    assert (found.mode, found.size) == ("L", (50, 30))
    assert given == kept


@pytest.mark.parametrize("shape", [(30, 50), (30, 50, 1), (30, 50, 3), (30, 50, 4)])
def test_shapes_are_rembgs(session, shape):
    array = picture(30, 50) if shape[2:] == (3,) else np.resize(picture(30, 50), shape)
    assert remove(array, session=session).shape == (30, 50, 4)
    assert remove(array, session=session, bgcolor=[1, 2, 3]).shape == (30, 50, 4)
    mask = remove(array, session=session, only_mask=True)
    assert mask.shape == (30, 50) and mask.dtype == np.uint8


def test_arguments_by_place_are_in_rembgs_order(session):
    array = picture(40, 60)
    found = remove(array, False, 240, 10, 10, session, True, True)
    np.testing.assert_array_equal(found, remove(array, session=session, only="mask", hard=True))
    colour = (10, 20, 30, 255)
    found = remove(array, False, 240, 10, 10, session, False, False, True, False, None, colour)
    np.testing.assert_array_equal(found, remove(array, session=session, background="#0a141e"))
    assert found[..., 3].min() == 255


def test_colours_are_rgb_and_orientation_is_applied(session):
    array = picture(40, 60)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = content_of(array, exif=exif)
    expected = session.cutout(np.ascontiguousarray(np.rot90(array, -1)))
    np.testing.assert_array_equal(pixels(remove(turned, session=session)), expected)
    found = remove(Image.open(io.BytesIO(turned)), session=session)
    np.testing.assert_array_equal(np.asarray(found), expected)
    assert 0x0112 not in found.getexif()


def test_options_are_those_of_predictors(session):
    array = picture(40, 60)
    for words in (
        {"only": "background"},
        {"background": "white", "size": (20, 20)},
        {"crop": 2, "square": True},
        {"clean": 0.5, "hard": True},
    ):
        found, expected = remove(array, session=session, **words), session.cutout(array, **words)
        np.testing.assert_array_equal(found[..., : expected.shape[2]], expected)
    removed = session.remove(array, Options(only="mask"))
    assert removed.picture.ndim == 2 and 0 <= removed.presence <= 1 and removed.box
    with pytest.raises(TypeError, match="expected options, or only, got both"):
        session.remove(array, Options(), only="mask")


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"alpha_mating": True}, TypeError, "there is no argument 'alpha_mating'"),
        ({"only_masks": True}, TypeError, "remove: there is no argument 'only_masks'"),
        ({"may_read_files": True}, TypeError, "there is no argument"),
        ({"vitmatte": True}, ValueError, "vitmatte: there is no such network"),
        ({"only_mask": True, "only": "background"}, ValueError, "only: it is said twice"),
        ({"bgcolor": (1, 2, 3, 4), "background": "red"}, ValueError, "it is said twice"),
        ({"bgcolor": "white"}, ValueError, "bgcolor: expected red, green, blue"),
        ({"session": "u2netp"}, ValueError, r"session: expected one of .*got a builtins\.str"),
        ({"data": 1}, ImageError, "picture: expected a path"),
        ({"data": "nowhere.png"}, ImageError, r"nowhere\.png: expected a picture file"),
        ({"data": b"%PDF-1.4"}, ImageError, "picture: expected a picture"),
    ],
)
def test_what_cannot_be_is_refused(session, arguments, error, told):
    with pytest.raises(error, match=told):
        remove(**{"data": picture(), "session": session, **arguments})


def test_nothing_to_crop_to_is_an_error_and_writes_nothing(session, tmp_path):
    (tmp_path / "a.png").write_bytes(content_of(picture()))
    with pytest.raises(NothingFound):
        remove(tmp_path / "a.png", session=session, crop=True, presence=1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_one_usual_session_is_made_of_many_threads(session, monkeypatch):
    made = []
    gate = threading.Barrier(4, timeout=60)

    def slow():
        made.append(1)
        return session

    monkeypatch.setattr(module, "_usual", [])
    monkeypatch.setattr(module, "new_session", slow)

    def work(number):
        gate.wait()
        return remove(picture(20 + number, 30))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(4)))
    assert made == [1]
    for number, item in enumerate(found):
        np.testing.assert_array_equal(item, session.cutout(picture(20 + number, 30)))


def test_sessions_are_predictors_with_their_arguments(session, monkeypatch):
    monkeypatch.setattr(module, "Predictor", lambda *arguments: arguments)
    assert new_session() == ("u2netp", "auto", "auto", None)
    found = new_session("u2net", backend="openvino", device="cpu", threads=2)
    assert found == ("u2net", "openvino", "cpu", 2)


def test_sessions_take_rembgs_arguments(monkeypatch):
    monkeypatch.setattr(module, "Predictor", lambda *arguments: arguments)
    found = new_session(
        model_name="u2net",
        providers=[("CUDAExecutionProvider", {"device_id": 0}), "CPUExecutionProvider"],
        sess_opts=SimpleNamespace(intra_op_num_threads=3),
    )
    assert found == ("u2net", "onnxruntime", "gpu", 3)
    found = new_session("u2net_custom", model_path="own.onnx", providers=["CPUExecutionProvider"])
    assert found == ("own.onnx", "onnxruntime", "cpu", None)
    for arguments, told in (
        ({"providers": ["TensorrtExecutionProvider"]}, "providers: expected CPUExecutionProvider"),
        ({"providers": ["CUDAExecutionProvider"], "device": "cpu"}, "contradicts"),
        ({"model_path": "own.onnx"}, "model_path: it is for u2net_custom only"),
    ):
        with pytest.raises(ValueError, match=told):
            new_session("u2net", **arguments)
    with pytest.raises(TypeError):
        new_session("u2net", provider=["CPUExecutionProvider"])
