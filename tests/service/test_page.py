"""The page: pictures dropped on it come out as the service's answers say, to the last pixel."""

from __future__ import annotations

import io
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.removal.backgrounds import Blur
from paddleseg_u2net.removal.composing import over
from paddleseg_u2net.removal.crop import Crop, frame
from tests.service import browser as driven
from tests.service.asking import encoded
from tests.service.conftest import bright_remover

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def address():
    with driven.serving({"bright": bright_remover(driven.Graded())}) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with driven.chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    context = browser.new_context(locale="en-GB", viewport={"width": 1100, "height": 760})
    page = driven.Page(context.new_page(), address)
    yield page
    context.close()
    assert not page.errors


@pytest.fixture(scope="module")
def picture():
    return driven.graded(WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def cut(address, picture):
    """What the service makes of the picture."""
    return driven.asked(address, picture, only="foreground")


def test_a_dropped_picture_comes_out_exactly(page, picture, cut):
    assert len(np.unique(cut[..., 3])) > 30
    page.open(picture)
    np.testing.assert_array_equal(page.downloaded(), cut)
    assert page.saved_as == "a.cutout.png"


def test_a_picture_with_opacity_of_its_own_is_exact(page, address, picture):
    own = np.tile(np.arange(WIDTH, dtype=np.uint8)[::-1], (HEIGHT, 1))
    sent = np.dstack([picture, own])
    page.open(sent)
    found = page.downloaded()
    np.testing.assert_array_equal(found, driven.asked(address, sent, only="foreground"))


def test_colours_of_a_profile_become_srgb(page, address, picture):
    content = encoded(picture // 2 + 64, icc_profile=driven.display_p3())
    page.drop(("p3.png", content))
    page.finished()
    found = page.downloaded()
    cut = driven.asked(address, content, only="foreground")
    np.testing.assert_array_equal(found[..., 3], cut[..., 3])
    seen = cut[..., 3] > 0
    difference = np.abs(found[..., :3] - driven.srgb_of_p3(cut[..., :3]))[seen]
    assert difference.max() <= 1.5 and np.abs(found[seen].astype(int) - cut[seen]).max() > 10


def test_sixteen_bits_are_rounded_and_notes_shown(page, address, picture):
    rng = np.random.default_rng(0)
    deep = np.minimum(picture * 257 + rng.integers(0, 257, picture.shape), 65535).astype(np.uint16)
    content = cv2.imencode(".png", deep)[1].tobytes()
    page.drop(("deep.png", content))
    page.finished()
    answer = driven.post(address, content, only="foreground").content
    cut = cv2.imdecode(np.frombuffer(answer, np.uint8), cv2.IMREAD_UNCHANGED)
    assert cut.dtype == np.uint16
    np.testing.assert_array_equal(page.downloaded(), np.rint(cut[..., [2, 1, 0, 3]] / 257))
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    page.drop(("moving.gif", encoded(picture, "GIF", save_all=True, append_images=frames[1:])))
    title = page.wait("#list .done:nth-child(2) .select").get_attribute("title")
    assert "frame" in title


def test_slider_by_pointer_and_by_keys(page, picture):
    page.open(picture)
    slider = page.tab.get_by_role("slider", name="Before and after")
    assert slider.get_attribute("aria-valuenow") == "50"
    left, top, width, height = page.box("#sheet")
    page.drag((left + width / 2, top + 9), (left + width / 4, top + height / 3))
    assert slider.get_attribute("aria-valuenow") == "25"
    assert slider.get_attribute("aria-valuetext") == "25 % original"
    # On the left of it the picture is as it came, on the right it is cut out.
    before, after = page.colour_at(0.2, 0.5), page.colour_at(0.3, 0.5)
    page.tab.keyboard.press("End")
    assert slider.get_attribute("aria-valuenow") == "100"
    assert page.colour_at(0.2, 0.5) == before and page.colour_at(0.3, 0.5) != after
    for key, value in [("Home", 0), ("ArrowRight", 2), ("PageUp", 12), ("Shift+ArrowLeft", 2)]:
        page.tab.keyboard.press(key)
        assert slider.get_attribute("aria-valuenow") == str(value)


@pytest.mark.parametrize("mode, value, zooms", [("erase", 0, 0), ("keep", 255, 2)])
def test_brush_undo_and_redo(page, picture, cut, mode, value, zooms):
    page.open(picture)
    page.tab_of("touch_up")
    page.choose("mode", mode)
    page.set("size", 60)
    page.set("soft", 50)
    width = page.box("#sheet")[2]
    for _ in range(zooms):
        page.tab.click("#zoom_in")
    assert page.box("#sheet")[2] == pytest.approx(width * 1.5**zooms, abs=1)
    line = page.place(65, 50), page.place(100, 70)
    page.drag(*line)
    radius = 30 * WIDTH / page.box("#cutout")[2]
    share = driven.stroke((HEIGHT, WIDTH), *map(page.back, line), radius=radius, soft=0.5)
    mask = cut[..., 3].astype(float)
    edited = np.floor(mask + share * (value - mask) / 255 + 0.5)
    assert (edited == value).any() and (edited != mask).any()
    found = page.downloaded()
    alpha = found[..., 3].astype(float)
    assert np.abs(alpha - edited).max() <= 1 and (alpha != edited).mean() < 0.001
    np.testing.assert_array_equal(found, driven.recoloured(picture, cut, alpha))
    if mode == "keep":
        np.testing.assert_array_equal(found[alpha == 255][:, :3], picture[alpha == 255])
    page.tab.keyboard.press("Control+z")
    np.testing.assert_array_equal(page.downloaded(), cut)
    page.tab.click("#redo")
    np.testing.assert_array_equal(page.downloaded(), found)
    page.tab.click("#reset")
    np.testing.assert_array_equal(page.downloaded(), cut)


def test_backgrounds(page, picture, cut):
    page.open(picture)
    page.choose("kind", "colour")
    page.set("colour", "#3a7bd5")
    plain = np.full_like(picture, (0x3A, 0x7B, 0xD5))
    np.testing.assert_array_equal(page.downloaded(), driven.over(cut, plain))
    page.choose("kind", "image")
    scene = driven.graded(WIDTH, HEIGHT, seed=1)
    page.tab.set_input_files("#image_file", driven.upload("scene.png", encoded(scene)))
    page.wait("#backdrop")
    found = page.downloaded()
    np.testing.assert_array_equal(found[..., :3], driven.over(cut, scene))
    assert (found[..., 3] == 255).all()
    page.tab.set_input_files("#image_file", driven.upload("scene.png", b"no picture"))
    page.says("scene.png cannot be shown as an image.")


def test_blur_is_the_commands(page, address):
    picture = driven.graded(240, 180)
    picture[..., 0] //= 8  # nothing is found there,
    picture[40:120, 60:140] = 255, 40, 30  # but here
    page.open(picture)
    page.choose("kind", "blur")
    page.set("radius", 5)
    found = page.downloaded()
    cut = driven.asked(address, picture, only="foreground")
    alpha = cut[..., 3]
    expected = over(cut, Blur(5).behind(frame(alpha, None, None), picture, alpha))
    difference = np.abs(found.astype(int) - expected)
    assert found.shape == picture.shape and difference.max() <= 3 and difference.mean() < 0.5


def test_crop_to_the_object_and_by_hand(page, picture, cut):
    page.open(picture)
    page.tab_of("crop")
    page.choose("crop", "object")
    page.set("margin", 20)
    left, top, right, bottom = Crop("20%").box(cut[..., 3])
    assert left > 0 and top > 0 and bottom < HEIGHT and right > WIDTH  # beyond it is nothing
    framed = np.zeros((bottom - top, right - left, 4), np.uint8)
    framed[:, : WIDTH - left] = cut[top:bottom, left:]
    np.testing.assert_array_equal(page.downloaded(), framed)
    page.choose("crop", "free")
    page.drag(page.place(0, 0, (1, 1)), page.place(40, 30, (1, 1)))
    page.drag(page.place(WIDTH, HEIGHT, (-1, -1)), page.place(120, 100, (-1, -1)))
    np.testing.assert_array_equal(page.downloaded(), cut[30:100, 40:120])
    page.set("left", 10)
    page.set("width", 400)
    page.tab.locator("#width").blur()
    np.testing.assert_array_equal(page.downloaded(), cut[30:100, 10:])


def test_jpeg_webp_and_names(page, picture, cut):
    page.open(picture)
    page.tab_of("file")
    page.set("name", "new/{stem}")
    page.tab.select_option("#format", "jpeg")
    page.set("quality", 100)
    assert page.tab.locator("#jpeg_white").is_visible()
    found = page.downloaded().astype(int)
    assert page.saved_as == "new_a.jpg"
    assert np.abs(found - driven.over(cut, np.full_like(picture, 255))).mean() < 2
    page.tab.select_option("#format", "webp")
    found = page.downloaded().astype(int)
    np.testing.assert_array_equal(found[..., 3], cut[..., 3])
    # A canvas multiplies colours by their opacity: what is faint is rounded.
    clear = cut[..., 3] >= 128
    assert np.abs(found - cut)[clear].max() <= 1


def test_a_dropped_folder(page, tmp_path):
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    (tmp_path / "in" / "deeper" / "a.PNG").write_bytes(encoded(driven.graded(30, 20)))
    (tmp_path / "in" / "b.jpg").write_bytes(encoded(driven.graded(30, 20), "JPEG"))
    (tmp_path / "in" / "notes.txt").write_bytes(b"no picture")
    page.drop_paths(tmp_path / "in")
    page.wait("#list:has(.done:nth-child(2))")
    names = page.tab.locator("#list .name").all_inner_texts()
    assert sorted(names) == ["a.PNG", "b.jpg"]


def test_several_pictures_as_a_zip(page, address):
    pictures = [driven.graded(40 + 10 * i, 30, seed=i) for i in range(3)]
    files = [("a.png", encoded(one)) for one in pictures[:2]]
    page.send("paste", [*files, ("图.png", encoded(pictures[2])), ("b.png", b"broken")])
    page.wait("#list:has(.done:nth-child(3)):has(.failed)")
    with zipfile.ZipFile(page.download("download_all")) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.cutout.png", "a.cutout (2).png", "图.cutout.png"]
        for name, picture in zip(archive.namelist(), pictures):
            found = np.array(Image.open(io.BytesIO(archive.read(name))))
            np.testing.assert_array_equal(found, driven.asked(address, picture, only="foreground"))
    page.says("Left out: b.png")


def test_a_broken_file_and_a_retry(page, picture):
    page.drop(("broken.png", encoded(picture)[:300]))
    page.wait("#list .failed")
    told = page.wait("#notice p").inner_text()
    assert "broken.png" in told or "file" in told
    assert page.tab.locator("#download[aria-disabled=true]").is_visible()
    page.tab.route("**/api/remove", lambda route: route.abort())
    page.tab.click("#notice button")
    page.wait("#notice :text('The service does not answer')")
    page.tab.unroute("**/api/remove")
    page.tab.get_by_role("button", name="Try broken.png again").click()
    page.wait(f"#notice :text({told!r})")
    page.tab.get_by_role("button", name="Remove broken.png").click()
    page.wait("#choose")


def test_a_busy_service_is_asked_again(page, picture, cut):
    codes = ["out_of_time", "busy"]

    def answer(route):
        if not codes:
            return route.continue_()
        error = {"code": codes.pop(), "message": "not now"}
        return route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": error})

    page.tab.route("**/api/remove", answer)
    page.drop(("a.png", encoded(picture)))
    page.wait("#notice.failed :text('not now')")
    assert not codes
    page.tab.click("#notice button")
    page.finished()
    np.testing.assert_array_equal(page.downloaded(), cut)


def test_nothing_found_can_be_painted(page):
    page.open(driven.graded()[:, :20])
    page.wait("#list .empty")
    assert page.tab.locator("#notice").inner_text().startswith("Nothing was found")
    page.tab_of("touch_up")
    page.choose("mode", "keep")
    page.drag(page.place(8, 60), page.place(12, 60))
    assert (page.downloaded()[60, 8:12, 3] == 255).all()


def test_a_turned_jpeg_and_a_tiff(page, address, picture):
    turned = Image.Exif()
    turned[0x0112] = 6
    content = encoded(picture, "JPEG", exif=turned, quality=95)
    page.drop(("turned.jpg", content), ("flat.tiff", encoded(picture, "TIFF")))
    page.finished()
    found = page.downloaded()
    assert found.shape == (WIDTH, HEIGHT, 4)
    np.testing.assert_array_equal(found, driven.asked(address, content, only="foreground"))
    # Which the browser cannot decode: it is put together of what the service gives.
    page.tab.get_by_role("button", name="flat.tiff: Done").click()
    page.finished()
    expected = driven.asked(address, picture, only="foreground")
    np.testing.assert_array_equal(page.downloaded(), expected)


def test_only_the_picture_that_is_shown_takes_memory(page):
    page.open(driven.graded(1000, 1000))
    assert page.memory() > 8
    page.drop(("b.png", encoded(driven.graded(40, 30))))
    page.wait("#list .done:nth-child(2)")
    page.tab.get_by_role("button", name="b.png: Done").click()
    page.finished()
    assert page.memory() < 2
    page.tab.get_by_role("button", name="a.png: Done").click()
    page.finished()
    page.tab.get_by_role("button", name="Remove a.png").click()
    page.finished()
    assert page.memory() < 2


def test_the_services_own_models_are_offered(browser, picture):
    models = {"bright": bright_remover(driven.Graded()), "dark": bright_remover(driven.Dark())}
    with driven.serving(models) as address:
        page = driven.Page(browser.new_page(), address)
        page.open(picture)
        page.tab_of("touch_up")
        page.tab.get_by_label("Model").select_option("dark")
        page.finished()
        expected = driven.asked(address, picture, model="dark")
        assert expected[60, 0, 3] == 255 and expected[60, -1, 3] == 0
        np.testing.assert_array_equal(page.downloaded(), expected)
        page.tab.close()


def test_chinese_from_the_browser_and_by_the_switch(browser, address, picture):
    context = browser.new_context(locale="zh-CN")
    page = driven.Page(context.new_page(), address)
    assert (
        page.tab.title() == "智能抠图" and page.tab.locator("html").get_attribute("lang") == "zh-CN"
    )
    page.open(picture)
    for words in ("背景", "修补", "裁剪", "导出", "下载", "添加图片", "透明"):
        assert page.tab.get_by_text(words, exact=True).first.is_visible()
    page.tab.click("#language")
    assert page.tab.get_by_text("Download", exact=True).is_visible()
    page.tab.reload()
    assert page.tab.title() == "Remove the background"
    context.close()


def test_slider_and_brush_by_touch(browser, address, picture):
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = driven.Page(context.new_page(), address)
    page.open(picture)
    left, top, width, _ = page.box("#sheet")
    page.touch((left + width / 2, top + 20), (left + width * 0.8, top + 20))
    value = page.tab.get_by_role("slider", name="Before and after").get_attribute("aria-valuenow")
    assert abs(int(value) - 80) <= 1
    page.tab_of("touch_up")
    page.touch(page.place(60, 60), page.place(120, 60))
    assert not page.downloaded()[60, 60:120, 3].any()
    context.close()


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_a_telephone_needs_no_sideways_scroll(browser, address, picture, locale):
    context = browser.new_context(locale=locale, viewport={"width": 360, "height": 640})
    page = driven.Page(context.new_page(), address)
    page.open(picture, "a_name_of_a_picture_that_goes_on_and_on_and_on.png")
    for name in ("background", "touch_up", "crop", "file"):
        page.tab_of(name)
        assert page.tab.evaluate("document.documentElement.scrollWidth") == 360
    context.close()


def test_with_the_keyboard_alone(page, picture, cut):
    page.drop(("a.png", encoded(picture)))
    page.finished()
    press = page.tab.keyboard.press
    page.tab_to("#tab_background")
    press("ArrowRight")
    assert page.focused() == "tab_touch_up"
    page.tab_to("input[name=mode]")
    press("ArrowRight")
    assert page.tab.locator("input[value=keep]").is_checked()
    page.tab_to("#easel", "Shift+Tab")
    for key in ("e", " ", "ArrowRight", "ArrowRight", " "):
        press(key)
    page.says("Brush up")
    page.tab_to("#download")
    with page.tab.expect_download() as download:
        press("Enter")
    assert page.focused() == "download"
    found = np.array(Image.open(download.value.path()))
    assert found[HEIGHT // 2, WIDTH // 2, 3] == 0 and cut[HEIGHT // 2, WIDTH // 2, 3] > 0


def test_everybody_can_use_it(page, picture):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make runtimes")
    page.tab.emulate_media(reduced_motion="reduce")
    script = axe.Axe().axe_script
    for scheme in ("light", "dark"):
        page.tab.emulate_media(color_scheme=scheme)
        assert not page.faults(script)
    page.open(picture)
    for scheme in ("light", "dark"):
        page.tab.emulate_media(color_scheme=scheme)
        for name in ("background", "touch_up", "crop", "file"):
            page.tab_of(name)
            assert not page.faults(script)


def test_refinements_keep_what_was_painted(page, address):
    picture = driven.graded()
    picture[..., 0] //= 8
    picture[40:100, 60:140, 0] = 255
    picture[10:13, 20:23, 0] = 255  # a speck
    page.open(picture)
    page.tab_of("touch_up")
    page.set("size", 20)
    page.drag(page.place(100, 70), page.place(110, 70))
    before = page.downloaded()
    assert before[11, 21, 3] > 250 and before[70, 105, 3] == 0
    page.tab.check("#refinements [name=clean]")
    page.finished()
    after = page.downloaded()
    assert after[11, 21, 3] == 0 and after[70, 105, 3] == 0
    cleaned = driven.asked(address, picture, clean="true")
    painted = before[..., 3] != driven.asked(address, picture)[..., 3]
    np.testing.assert_array_equal(after[~painted], cleaned[~painted])
    page.tab.click("#reset")
    np.testing.assert_array_equal(page.downloaded(), cleaned)
