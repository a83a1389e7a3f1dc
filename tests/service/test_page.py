"""The page: pictures dropped on it come out as the service's answers say, to the last pixel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.service import browser as driven

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address():
    with driven.serving(driven.Graded()) as address:
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


def test_a_dropped_picture_comes_out_exactly(page, address):
    picture = driven.graded()
    page.open(picture)
    expected = driven.asked(address, picture, only="foreground")
    assert len(np.unique(expected[..., 3])) > 50
    np.testing.assert_array_equal(page.downloaded(), expected)
    assert page.saved_as == "a.cutout.png"
