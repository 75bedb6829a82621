"""The page of a run in a real browser, Debian's chromium."""

import numpy as np
import pytest
from PIL import Image

from iaunet_tf.video.page import write_page
from iaunet_tf.video.tracklets import Tracklet

pytestmark = pytest.mark.slow
NAMES = ["<script>alert(1)</script>", "y" * 500, "Łukasz 🙂 李", *(f"person {number}" for number in range(40))]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page of 400 tracklets."""
    folder = tmp_path_factory.mktemp("run")
    Image.new("RGB", (64, 160), (90, 60, 30)).save(folder / "crop.jpg")
    crops = [(number, "crop.jpg") for number in range(1, 7)]
    random = np.random.default_rng(0)
    tracklets = []
    for number in range(1, 401):
        name, rival = NAMES[number % len(NAMES)], NAMES[(number + 1) % len(NAMES)]
        start, distance = random.uniform(0, 900), random.uniform(0.05, 0.39)
        about = {"distance": distance, "rival": rival, "rival_distance": distance + random.uniform(0.01, 0.5)}
        place = {"camera": f"camera {number % 3} " + "z" * (number % 3) * 40, "track": number}
        times = {"first": 1, "last": 99, "start": start, "end": start + 9, "boxes": 99}
        tracklets.append(Tracklet(**place, **times, crops=crops, embedding=np.ones(1), identity=name, **about))
    write_page(tracklets, folder / "index.html", 0.4)
    return folder / "index.html"


@pytest.fixture
def visit(browser, file):
    """`visit(width, ...)`: the page in a window; afterwards nothing may have gone wrong in it."""
    contexts, faults = [], []

    def open_page(width, **options):
        context = browser.new_context(viewport={"width": width, "height": 844}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("console", lambda message: faults.append(message.text))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or faults.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_it_fits(visit, width, mode):
    page = visit(width, color_scheme=mode)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    red = page.evaluate("parseInt(getComputedStyle(document.body).backgroundColor.slice(4))")
    assert (red > 200) == (mode == "light")


def test_pictures_wait_until_they_are_near(visit):
    page = visit(1280)
    loaded = "[...document.images].filter((each) => each.complete && each.naturalWidth).length"
    page.locator(".check img").first.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert 0 < page.evaluate(loaded) < page.evaluate("document.images.length") / 2


def test_by_keyboard(visit):
    page = visit(390)
    # Each link and each summary can be reached, in their order; a link to a folded tracklet unfolds it.
    for _ in range(12):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"
    person = page.locator("details.person:not([open])").first
    number = person.get_attribute("id")
    person.locator("> summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(f"#{number}").get_attribute("open") is not None
    page.keyboard.press("Tab")
    bar = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")
    page.locator(bar).wait_for(state="visible")
    assert page.evaluate("location.hash") == bar


def test_links_to_folded_tracklets(visit):
    page = visit(1280)
    target = page.evaluate("document.querySelector('details.person:not([open]) .card').id")
    assert not page.locator(f"#{target}").is_visible()
    page.goto(page.url.split("#")[0] + f"#{target}")
    page.locator(f"#{target}").wait_for(state="visible", timeout=5000)
