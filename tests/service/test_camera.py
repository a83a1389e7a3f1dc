"""The page's camera: frames of chromium's pretended one, cut out, before the chosen background."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.service import browser as driven
from tests.service.asking import encoded
from tests.service.conftest import bright_remover

pytest.importorskip("websockets", reason="the service needs the extra serve")
pytestmark = pytest.mark.slow

CAMERA = "--use-fake-device-for-media-stream=fps=30"
ALLOWED = "--use-fake-ui-for-media-stream"


class Left(driven.Graded):
    """A network that finds what is on the left."""

    def __call__(self, batch):
        found = np.full_like(batch[:, :1], -50)
        found[..., : batch.shape[3] // 2] = 50
        return found


@pytest.fixture(scope="module")
def address():
    with driven.serving({"left": bright_remover(Left())}, cameras=1) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with driven.chromium(CAMERA, ALLOWED) as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    context = browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 700})
    page = driven.Page(context.new_page(), address)
    yield page
    context.close()
    assert not page.errors


def opened(page):
    """The page, at its camera, which is on."""
    page.wait("#to_camera").click()
    page.tab.click("#camera_switch")
    page.wait("#camera[data-state=on]")
    return page


def until(page, condition):
    """Wait until something is true of the canvas's `pixel(x, y)`, of shares of its sides."""
    page.tab.wait_for_function(
        f"""() => {{
            const canvas = document.querySelector("#live");
            const context = canvas.getContext("2d");
            const pixel = (x, y) =>
                [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
            return {condition};
        }}"""
    )


def told(page, text):
    page.tab.locator("#camera_told").get_by_text(text).wait_for(state="attached")


def test_frames_come_back_before_every_background(page):
    opened(page)
    page.tab.uncheck("#mirror")
    # The pretended camera is green; its middle turns.
    until(page, "pixel(.25, .3)[1] > 90 && pixel(.25, .3)[3] == 255 && pixel(.75, .3)[3] == 0")
    page.tab.check("#mirror")
    until(page, "pixel(.75, .3)[3] == 255 && pixel(.25, .3)[3] == 0")
    page.choose("behind", "colour")
    page.set("behind_colour", "#c8102e")
    until(page, "`${pixel(.25, .3)}` == '200,16,46,255' && pixel(.75, .3)[1] > 90")
    shown = Image.open(io.BytesIO(page.tab.locator("#live").screenshot())).convert("RGB")
    assert shown.getpixel((shown.width // 4, shown.height // 3)) == (200, 16, 46)
    assert shown.getpixel((3 * shown.width // 4, shown.height // 3))[0] < 60
    assert abs(shown.width / shown.height - 16 / 9) < 0.05
    page.choose("behind", "image")
    blue = encoded(np.full((30, 40, 3), (10, 20, 240), np.uint8))
    page.tab.set_input_files("#behind_file", driven.upload("blue.png", blue))
    until(page, "`${pixel(.25, .3)}` == '10,20,240,255' && pixel(.75, .3)[1] > 90")
    page.tab.set_input_files("#behind_file", driven.upload("none.png", b"no picture"))
    page.wait("#behind_told:text('none.png cannot be shown as an image.')")
    page.choose("behind", "blur")
    until(page, "pixel(.25, .3)[3] == 255 && pixel(.25, .3)[1] > 90 && pixel(.25, .3)[2] < 60")
    page.wait("#camera_rate:text('frames a second')")
    page.tab.click("#camera_switch")
    told(page, "The camera is off.")
    until(page, "pixel(.75, .3)[3] == 0")


def test_one_place_for_two_tabs(page, browser, address):
    opened(page)
    context = browser.new_context(locale="en-GB")
    other = driven.Page(context.new_page(), address)
    other.wait("#to_camera").click()
    other.tab.click("#camera_switch")
    told(other, "All places for cameras are taken.")
    assert other.tab.locator("#camera_switch").inner_text() == "Start the camera"
    page.tab.click("#to_camera")  # which ends it
    page.wait("#choose")
    for _ in range(20):  # its place is free once the service has heard
        other.tab.click("#camera_switch")
        other.tab.wait_for_selector("#camera:is([data-state=on], [data-state=failed])")
        if other.tab.get_attribute("#camera", "data-state") == "on":
            break
    until(other, "pixel(.75, .3)[3] == 255")
    other.send("drop", [("a.png", encoded(driven.graded(40, 30)))])
    other.finished()
    assert other.tab.get_attribute("#camera", "data-state") == "off"
    context.close()
    assert not other.errors


def test_a_service_that_ends_is_told(browser):
    context = browser.new_context(locale="en-GB")
    with driven.serving({"left": bright_remover(Left())}) as address:
        page = opened(driven.Page(context.new_page(), address))
    told(page, "The service does not answer.")
    context.close()
    assert not page.errors


def test_why_there_is_no_camera(page):
    page.tab.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                throw new DOMException("", window.whyNot);
            };
        }"""
    )
    page.wait("#to_camera").click()
    for name, text in [
        ("NotAllowedError", "does not let this page use the camera"),
        ("NotFoundError", "There is no camera."),
        ("NotReadableError", "Another program may be using it."),
    ]:
        page.tab.evaluate("(name) => (window.whyNot = name)", name)
        page.tab.click("#camera_switch")
        told(page, text)
        page.says(text)


def test_a_camera_that_is_pulled_out(page):
    page.tab.evaluate(
        """() => {
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (what) => (window.found = await ask(what));
        }"""
    )
    opened(page)
    page.tab.evaluate("found.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    told(page, "The camera is gone.")


def test_with_the_keyboard_and_in_chinese(browser, address):
    context = browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 640})
    page = driven.Page(context.new_page(), address)
    page.wait("#to_camera")
    page.tab_to("#to_camera")
    page.tab.keyboard.press("Enter")
    page.tab_to("#camera_switch")
    page.tab.keyboard.press("Enter")
    page.wait("#camera[data-state=on]")
    assert page.focused() == "camera_switch"
    assert page.tab.locator("#camera_switch").inner_text() == "关闭摄像头"
    page.tab.locator("#camera_rate").get_by_text("帧").wait_for()
    for kind in ("colour", "image", "blur"):
        page.choose("behind", kind)
        assert page.tab.evaluate("document.documentElement.scrollWidth") == 360
    page.tab.click("#language")
    assert page.tab.locator("#camera_switch").inner_text() == "Stop the camera"
    context.close()
    assert not page.errors


def test_everybody_can_use_it(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="make runtimes")
    page.tab.emulate_media(reduced_motion="reduce")
    script = axe.Axe().axe_script
    page.wait("#to_camera").click()
    assert not page.faults(script)
    page.tab.click("#camera_switch")
    page.wait("#camera[data-state=on]")
    for scheme, kind in [("light", "colour"), ("dark", "image"), ("dark", "blur")]:
        page.tab.emulate_media(color_scheme=scheme)
        page.choose("behind", kind)
        assert not page.faults(script)
