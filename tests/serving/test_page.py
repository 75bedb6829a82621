"""The page in a real browser, Debian's chromium."""

import re

import numpy as np
import pytest
from serving.odd import NAMES, encoded
from serving.test_bad_requests import png_of

pytestmark = pytest.mark.slow
WIDE, NARROW = (1280, 900), (390, 844)


@pytest.fixture
def visit(browser):
    """`visit(running)`: the page of a service, in a window of a size; afterwards nothing may have gone wrong in it."""
    contexts, faults = [], []

    def open_page(running, size=WIDE, path="/", **options):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(f"dialog {dialog.message}"))

        def heard(message):
            if message.type == "error" and "the server responded with a status of 4" not in message.text:
                faults.append(message.text)

        def asked(request):
            if not request.url.startswith((running.address, "blob:")):
                faults.append(f"asked {request.url}")

        page.on("console", heard)
        page.on("request", asked)
        page.goto(running.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def own(run):
    """A service whose gallery a test may change."""
    with run(threshold=0.05) as running:
        yield running


def search(page, file, hits=20):
    page.locator("#file").set_input_files(file)
    settled(page)
    if hits is not None:
        assert page.locator(".hit").count() == hits


def settled(page):
    page.wait_for_timeout(400)  # filters wait for the next key for 300 ms
    page.locator("#answer[aria-busy=false]").wait_for(state="attached")


def until(page, script):
    """Waits for a script to be true. Playwright's own wait evaluates text in the page, which the page forbids."""
    for _ in range(200):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {script}")


def hit(page, id):
    return page.locator(".hit", has=page.locator(f'button[data-id="{id}"]'))


def test_search(running, visit):
    page = visit(running)
    search(page, running.files[0])
    found = running.search(running.files[0].read_bytes())[1]
    shown = page.locator(".hit").all_inner_texts()
    for text, entry in zip(shown, found["entries"], strict=True):
        assert (entry["identity"] or "unknown") in text and f"distance {entry['distance']:.3f}" in text
        assert entry["file"] in text
        assert (f"camera {entry['camera']}" if entry["camera"] else "unknown camera") in text
        assert ("near enough" if entry["same"] else "too far") in text
    known = [entry["identity"] for entry in found["entries"] if entry["same"] and entry["identity"] is not None]
    assert page.locator(".verdict").inner_text() == (f"Probably {known[0]}" if known else "Somebody without a name")
    near = sum(entry["same"] for entry in found["entries"])
    assert f"{near} " in page.locator("#answer").inner_text()
    if near < 20:
        line = page.locator("#hits > li").nth(near)
        assert "threshold 0.050" in line.inner_text()
    # All small pictures are there.
    page.locator(".hit img").last.scroll_into_view_if_needed()
    until(page, "[...document.querySelectorAll('.hit img')].every((each) => each.complete)")
    assert page.evaluate("[...document.querySelectorAll('.hit img')].every((each) => each.naturalWidth > 0)")
    assert "entries" in page.locator("#about").inner_text()


def test_filters(running, visit):
    page = visit(running)
    search(page, running.files[0])
    page.get_by_label(re.compile(r"^1 \(")).check()
    settled(page)
    shown = page.locator(".facts").all_inner_texts()
    assert 0 < len(shown) < 20 and all("camera 1" in text for text in shown)
    page.get_by_label(re.compile(r"^unknown \(")).check()
    settled(page)
    both = page.locator(".facts").all_inner_texts()
    assert len(both) > len(shown) and all("camera 1" in text or "unknown camera" in text for text in both)
    page.get_by_label("until").fill("1999-01-01T00:00:00")
    settled(page)
    assert page.locator(".verdict").inner_text() == "Nobody to compare with" and page.locator(".hit").count() == 0
    page.get_by_label("until").fill("")
    page.get_by_label("show").select_option("10")
    page.get_by_label("re-rank the nearest 100").check()
    settled(page)
    assert page.locator(".hit").count() == 10


def test_times_are_those_of_the_browser(running, visit):
    page = visit(running, timezone_id="America/New_York", locale="en-GB")
    search(page, running.files[0])
    # 1700000400 is 17:20:00 there, 22:20:00 UTC.
    page.get_by_label("from").fill("2023-11-14T17:20:00")
    page.get_by_label("show").select_option("100")
    settled(page)
    wanted = {entry.id for entry in running.gallery.entries(after=1_700_000_400)}
    shown = page.evaluate("[...document.querySelectorAll('.hit [data-id]')].map((each) => each.dataset.id)")
    assert {*shown} == wanted
    assert "America/New_York" in page.locator("#zone").inner_text()
    first = min(entry.time for entry in running.gallery.entries(after=1_700_000_400))
    times = page.evaluate("[...document.querySelectorAll('.hit time')].map((each) => [each.dateTime, each.innerText])")
    assert any(text.startswith("14 Nov 2023, 17:2") for _, text in times) and first >= 1_700_000_400


def test_unknown(running, visit):
    page = visit(running)
    search(page, running.files[0])
    page.get_by_label("up to a distance").select_option("own")
    page.get_by_label("of", exact=True).fill("0.000001")
    noise = encoded(np.random.default_rng(0).integers(0, 255, (64, 32, 3), "uint8"))
    page.locator("#file").set_input_files({"name": "noise.png", "mimeType": "image/png", "buffer": noise})
    settled(page)
    assert page.locator(".verdict").inner_text() == "Unknown"
    assert page.locator(".hit.same").count() == 0 and page.locator(".hit.other").count() == 20
    assert "all of them somebody else" in page.locator(".limit").inner_text()


def test_uploads_that_are_none(running, visit):
    page = visit(running)
    jpeg = running.files[0].read_bytes()
    for name, kind, content, message in (
        ("bomb.png", "image/png", png_of(9000, 9000), "the picture has 9000x9000 pixels"),
        ("text.txt", "text/plain", b"no picture", "not a readable image"),
        ("half.jpg", "image/jpeg", jpeg[: len(jpeg) // 2], "not a readable image"),
        ("empty.jpg", "image/jpeg", b"", "there is no picture"),
        ("large.jpg", "image/jpeg", bytes(11 << 20), "The picture has 11.0 MiB; at most 10 can be sent."),
    ):
        page.locator("#file").set_input_files({"name": name, "mimeType": kind, "buffer": content})
        settled(page)
        page.get_by_role("alert").get_by_text(message).wait_for()
        assert page.locator(".hit").count() == 0 or not page.locator("#found").is_visible()
        search(page, running.files[0])
        assert not page.get_by_role("alert").is_visible()


def test_names_are_text(own, visit):
    everybody = [entry.id for entry in own.gallery.entries()]
    odd = NAMES[0], "<img src=x onerror=alert(1)>", "javascript:alert(1)", "</option><script>alert(2)</script>"
    for i, id in enumerate(everybody):
        own.gallery.assign([id], odd[i % len(odd)])
    page = visit(own)
    search(page, own.files[0])
    shown = " ".join(page.locator(".hit .who").all_inner_texts())
    for name in odd:
        assert name in shown
        page.locator("#identity").fill(name)
        page.get_by_role("button", name="Show").click()
        page.get_by_role("heading", name=f"Path of {name}", exact=True).wait_for()
        assert name in page.locator("#path-title").inner_text()
    assert page.locator("script").count() == 1 and page.locator("img[src=x]").count() == 0


def test_path(running, visit):
    page = visit(running)
    name = NAMES[1]
    page.locator("#identity").fill(name)
    page.locator("#identity").press("Enter")
    page.get_by_role("heading", name=f"Path of {name}").wait_for()
    entries = [entry for entry in running.gallery.entries(identities=name) if entry.time is not None]
    stays = []
    for entry in entries:
        if stays and stays[-1][-1].camera == entry.camera and entry.time - stays[-1][-1].time <= 600:
            stays[-1].append(entry)
        else:
            stays.append([entry])
    shown = page.locator(".stay").all_inner_texts()
    assert len(shown) == len(stays)
    for text, stay in zip(shown, stays, strict=True):
        assert (f"camera {stay[0].camera}" if stay[0].camera else "unknown camera") in text
        assert f"{len(stay)} entr" in text
    assert page.locator(".track").count() == len({entry.camera for entry in entries})
    # Bars stand where their times are.
    places = page.evaluate("[...document.querySelectorAll('.track i')].map((each) => parseFloat(each.style.left))")
    first, last = entries[0].time, entries[-1].time
    wanted = [100 * (stay[0].time - first) / (last - first) for stay in stays]
    np.testing.assert_allclose(sorted(places), sorted(wanted), atol=0.01)
    assert page.evaluate("document.activeElement.id") == "path-title"
    page.locator("#identity").fill("nobody")
    page.locator("#identity").press("Enter")
    page.get_by_role("alert").get_by_text("there are no entries of nobody").wait_for()
    assert not page.locator("#path").is_visible()


def test_confirm_merges_and_undo_takes_it_back(own, visit):
    page = visit(own)
    before = {entry.id: entry.identity for entry in own.gallery.entries()}

    def identities():
        return {entry.id: entry.identity for entry in own.gallery.entries()}

    search(page, own.files[0])
    found = own.search(own.files[0].read_bytes())[1]["entries"]
    known = [each for each in found if each["identity"] is not None]
    person = known[0]["identity"]
    other = next(each for each in known if each["identity"] != person)
    nameless = next(each for each in found if each["identity"] is None)
    # The first says who it is, and changes nothing.
    hit(page, known[0]["id"]).get_by_role("button", name="Confirm").click()
    page.get_by_text(f"You have said that it is {person}.").wait_for()
    assert identities() == before
    # Somebody else's: asked first.
    hit(page, other["id"]).get_by_role("button", name="Confirm").click()
    dialog = page.get_by_role("dialog")
    assert other["identity"] in dialog.inner_text() and person in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()
    assert identities() == before
    hit(page, other["id"]).get_by_role("button", name="Confirm").click()
    page.keyboard.press("Escape")
    assert identities() == before
    hit(page, other["id"]).get_by_role("button", name="Confirm").click()
    dialog.get_by_role("button", name="Merge").click()
    page.locator("#note").get_by_role("button", name="Undo").wait_for()
    settled(page)
    merged = {id: person if name == other["identity"] else name for id, name in before.items()}
    assert identities() == merged
    # Of nobody: said at once.
    hit(page, nameless["id"]).get_by_role("button", name="Confirm").click()
    page.get_by_text(f"1 entry now of {person}.").wait_for()
    settled(page)
    assert identities() == merged | {nameless["id"]: person}
    # Taken away, and given to somebody new.
    hit(page, nameless["id"]).get_by_role("button", name="Reject").click()
    dialog.get_by_label("Who it is instead").fill("somebody new")
    page.keyboard.press("Enter")
    page.get_by_text("The entry is now of somebody new.").first.wait_for()
    settled(page)
    assert identities() == merged | {nameless["id"]: "somebody new"}
    for wanted in (merged | {nameless["id"]: person}, merged, before):
        page.locator("#note").get_by_role("button", name="Undo").click()
        page.locator("#note").get_by_text("Undone").wait_for()
        settled(page)
        assert identities() == wanted
    assert page.locator("#note").get_by_role("button").count() == 0


def test_naming_and_rejecting(own, visit):
    page = visit(own)
    own.gallery.assign([entry.id for entry in own.gallery.entries()], None)
    search(page, own.files[5])
    assert page.locator(".verdict").inner_text() == "Somebody without a name"
    first, second = (each["id"] for each in own.search(own.files[5].read_bytes())[1]["entries"][:2])
    hit(page, first).get_by_role("button", name="Confirm").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Ada <b>")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_text("1 entry now of Ada <b>.").wait_for()
    settled(page)
    assert page.locator(".verdict").inner_text() == "Probably Ada <b>"
    assert own.gallery.entries(identities="Ada <b>")[0].id == first
    # To reject an entry of nobody changes nothing in the gallery.
    hit(page, second).get_by_role("button", name="Reject").click()
    assert "rejected" in hit(page, second).inner_text()
    assert own.gallery.count(identities="Ada <b>") == 1


def test_by_keyboard_alone(own, visit):
    page = visit(own)
    reached, chosen = [], []
    # Early: from when on the browser tells of them is not known.
    page.on("filechooser", lambda chooser: chosen.append(chooser))
    page.locator("#about").get_by_text("entries").wait_for()

    def tab_to(condition, most=80):
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => { const e = document.activeElement, s = getComputedStyle(e);
                return {id: e.id, text: e.textContent, outline: s.outlineStyle + s.outlineWidth} }"""
            )
            reached.append(focused["id"] or focused["text"][:20])
            assert focused["outline"] == "solid3px" or (focused["id"] == focused["text"] == ""), focused
            if condition(focused):
                return
        raise AssertionError(reached)

    tab_to(lambda each: each["id"] == "file")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    chosen[0].set_files(own.files[0])
    settled(page)
    tab_to(lambda each: each["text"] == "Confirm")
    page.keyboard.press("Enter")
    if page.get_by_role("dialog").is_visible():
        page.keyboard.type("Ada")
        page.keyboard.press("Enter")
    settled(page)
    page.get_by_text("You have said that it is").wait_for()
    # The focus stays at the entry.
    assert page.evaluate("document.activeElement.closest('.hit') !== null")
    tab_to(lambda each: each["text"] == "Confirm")
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    if page.get_by_role("dialog").is_visible():
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.closest('.hit') !== null")


def test_drop_and_paste(running, visit):
    page = visit(running)
    give = """([kind, bytes]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], "a.jpg", {type: "image/jpeg"}));
        const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true})
            : new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true});
        document.body.dispatchEvent(event);
    }"""
    for kind, file in (("drop", running.files[3]), ("paste", running.files[7])):
        page.evaluate(give, [kind, [*file.read_bytes()]])
        settled(page)
        assert str(file) in page.locator(".hit").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow(own, visit, scheme):
    long = "x" * 200
    own.gallery.assign([entry.id for entry in own.gallery.entries()][:8], long)
    page = visit(own, NARROW, color_scheme=scheme)
    search(page, own.files[0])
    page.locator("summary").click()
    page.locator("#identity").fill(long)
    page.locator("#identity").press("Enter")
    page.locator("#path-title").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
    for box in page.locator("button:not(.link), input, select, summary").all():
        size = box.bounding_box()
        if size:
            assert size["x"] >= 0 and size["x"] + size["width"] <= NARROW[0]
            assert size["height"] >= 19
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [each for each in contrasts if each[0] < 4.5] == []


# Contrast of each text to what is behind it, as WCAG 2 defines it.
CONTRASTS = """() => {
    const parse = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (e) => { for (; e; e = e.parentElement) {
        const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; }
        return [255, 255, 255]; };
    return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".rejected")
        && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
        .map((e) => { const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.tagName + e.textContent.slice(0, 30)]; });
}"""


def test_everything_has_a_name(running, visit):
    page = visit(running)
    search(page, running.files[0])
    page.locator("#identity").fill(NAMES[0])
    page.locator("#identity").press("Enter")
    page.locator("#path-title").wait_for()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button, a, img")].filter((e) => e.checkVisibility())
        .filter((e) => !(e.ariaLabel || e.alt || e.textContent.trim() && e.tagName !== "SELECT" || e.labels?.length))
        .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    assert page.get_by_role("status").count() >= 1


def test_login(run, visit):
    token = "0123456789abcdef"
    with run(token=token) as running:
        page = visit(running)
        assert page.url.endswith("/login")
        page.get_by_label(re.compile("token")).fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").get_by_text("That is not the token.").wait_for()
        page.get_by_label(re.compile("token")).fill(token)
        page.keyboard.press("Enter")
        page.wait_for_url(running.address + "/")
        search(page, running.files[0])
        assert token not in page.content() and page.evaluate("document.cookie") == ""
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.goto(running.address)
        assert page.url.endswith("/login")


def test_page_for_programs(running, visit):
    page = visit(running, NARROW, "/api")
    assert page.get_by_role("heading", name="POST /api/search").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
