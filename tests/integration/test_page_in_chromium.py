"""The page at / and /docs in Debian's Chromium: by mouse, keyboard and camera, on a phone, in the dark."""

import base64
import io
import json
import shlex
import subprocess
from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from e2e.fleet import Fleet, free_port
from PIL import Image

from service.api.access.key_file import digest_of

pytestmark = [pytest.mark.weights, pytest.mark.system]

SECONDS = 60_000  # on a machine that does much else
PHONE = {"width": 320, "height": 640}
# WCAG 2.2's contrast of every element with text of its own against the nearest background, as [text, ratio, needed].
CONTRASTS = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const parsed = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const found = parsed(getComputedStyle(e).backgroundColor);
      if (found.length === 3 || found[3] > 0.99) return found;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => {
      const style = getComputedStyle(e), size = parseFloat(style.fontSize);
      const text = parsed(e.namespaceURI.endsWith("svg") ? style.fill : style.color);
      const [a, b] = [light(text), light(behind(e))].sort((x, y) => y - x);
      return [e.textContent.slice(0, 40), (a + 0.05) / (b + 0.05), size >= 24 ? 3 : 4.5];
    });
}"""
# What can be operated and has no name that a screen reader could tell, or is smaller than 24 pixels of a finger.
UNNAMED = """() => [...document.querySelectorAll("button, input, select, a, summary, [tabindex='0']")]
  .filter((e) => e.checkVisibility())
  .filter((e) => ![...(e.labels ?? []), e].some((by) => by.textContent.trim() || by.getAttribute("aria-label")))
  .map((e) => e.outerHTML)"""
TINY = """() => [...document.querySelectorAll("button, .button, select, summary")].filter((e) => e.checkVisibility())
  .map((e) => [e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.width < 24 || box.height < 24)"""


def fixed(value: float, places: int) -> str:
    """`value` as JavaScript's toFixed writes it, which rounds 193.25 up, where Python's format rounds to even."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def significant(value: float, digits: int) -> str:
    """`value` as the page writes it with toPrecision: as many digits, without zeros at the end."""
    rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal(Decimal(value))
    return f"{rounded.normalize():f}"


@pytest.fixture(scope="module")
def replica(pack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    fleet = Fleet(folder)
    fleet.add(str(folder / "store"), pack.folder.parents[1], IDA_ADMIN_PORT=str(free_port()))
    fleet.start()
    yield fleet.replicas[0]
    fleet.close()


@pytest.fixture(scope="module")
def browser(require_program):
    sync_api = pytest.importorskip("playwright.sync_api")
    program = require_program("chromium")
    # As root there is no sandbox; the camera is one that Chromium draws.
    options = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pictures(astronaut_png, hopper_jpeg, tmp_path_factory) -> Path:
    """A folder of the two public-domain photographs, and one with both people."""
    folder = tmp_path_factory.mktemp("pictures")
    collins, hopper = Image.open(io.BytesIO(astronaut_png)), Image.open(io.BytesIO(hopper_jpeg))
    collins.save(folder / "collins.jpg", quality=95)
    collins.crop((60, 0, 400, 340)).rotate(8).save(folder / "it's changed.jpg", quality=60)
    (folder / "hopper.jpg").write_bytes(hopper_jpeg)
    both = Image.new("RGB", (900, 512), "grey")
    both.paste(collins, (0, 0))
    both.paste(hopper.resize((300, 351)), (560, 100))
    both.save(folder / "both.png")
    return folder


@pytest.fixture
def opened(browser, replica):
    """Open a path of the service in a new context; at the end nothing was refused, asked of others, or kept."""
    contexts, asked, complaints = [], [], []

    def open_page(path="/", **options):
        # Without the smooth scrolling, in which places change while they are read.
        context = browser.new_context(reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        # A refusal of /verify is told here too; those of the Content-Security-Policy name it.
        page.on("console", lambda message: complaints.append(message.text) if "Policy" in message.text else None)
        page.goto(path if "://" in path else f"{replica.url}{path}")
        page.kept = "[localStorage.length, sessionStorage.length, document.cookie]"
        return page

    yield open_page
    assert complaints == []
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("blob:", "data:"))} == {"127.0.0.1"}
    for context in contexts:
        assert context.cookies() == []
        assert context.pages[0].evaluate(context.pages[0].kept) == [0, 0, ""]
        context.close()


def put(page, pictures, probe, reference):
    page.set_input_files("#probe-file", pictures / probe)
    page.set_input_files("#reference-file", pictures / reference)


def answered(page) -> dict:
    """The document that the page shows as JSON, once it is there."""
    page.wait_for_selector("#verdict")
    return json.loads(page.locator("pre.answer").text_content())


def test_two_pictures_give_a_decision_in_words_and_all_that_explains_it(opened, pictures, tmp_path, require_program):
    page = opened()
    put(page, pictures, "collins.jpg", "it's changed.jpg")
    with page.expect_request("**/verify") as sent:
        page.get_by_role("button", name="Compare", exact=True).click()
    assert sent.value.method == "POST"
    answer = answered(page)
    assert page.get_by_role("heading", level=2, name="Match", exact=True).is_visible()
    said = page.inner_text(".sentences")
    assert significant(answer["score"], 4) in said
    assert f"the threshold {significant(answer['threshold'], 4)} of {answer['operating_point']}" in said
    assert answer["decision"] == "match"
    # Boxes and points lie where the service says, in pixels of the picture; the crops are those of the faces.
    for side in ("probe", "reference"):
        box, face = page.locator(f"#{side} .box"), answer["faces"][side]
        assert [float(box.get_attribute(name)) for name in ("x", "y")] == [face["box"]["left"], face["box"]["top"]]
        assert page.locator(f"#{side} .point").count() == 5
        frame, image = (page.locator(f"#{side} {part}").bounding_box() for part in (".overlay", "img"))
        assert frame == image
    crops = [
        Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("L")
        for url in page.evaluate("[...document.querySelectorAll('canvas.crop')].map((canvas) => canvas.toDataURL())")
    ]
    assert [crop.size for crop in crops] == [(112, 112)] * 2
    # One face, cut from two pictures of different size and lean: alike once it is aligned.
    drawn = [np.asarray(crop.resize((16, 16)), float) for crop in crops]
    assert np.abs(drawn[0] - drawn[1]).mean() < 12
    for words in ("The score on a line", "Evidence", "Time", "Similarity", "Quality in all"):
        assert words in page.inner_text("#answer")
    total = answer["timings_ms"]["total"]
    assert f"{fixed(total, 1)} ms" in page.inner_text("#answer")
    # The command line, run as it stands where the pictures lie, gives the same.
    require_program("curl")
    page.get_by_text("The command line that asks the same").click()
    command = shlex.split(page.inner_text("pre.command"))
    ran = subprocess.run([command[0], "-s", *command[1:]], cwd=pictures, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout)["score"] == answer["score"]
    assert json.loads(ran.stdout)["decision"] == "match"


def test_chart_shows_the_score_the_operating_points_and_both_kinds_of_pairs(opened, pictures):
    page = opened()
    put(page, pictures, "collins.jpg", "hopper.jpg")
    page.click("#compare")
    answer = answered(page)
    assert page.get_by_role("heading", level=2, name="No match").is_visible()
    chart = page.locator(".drawing svg").first
    asked = f"fetch('/info/curves?method={answer['method']}').then((answer) => answer.json())"
    curves = [found for found in page.evaluate(asked)["curves"] if found["input_form"] == "photo"]
    (pooled,) = (found for found in curves if found["stratum"] is None)
    (own,) = (found for found in curves if found["stratum"] == answer.get("population", {}).get("stratum"))
    assert own["thresholds"][answer["operating_point"]] == answer["threshold"]
    points = pooled["operating_points"]
    assert chart.locator(".threshold text").all_text_contents() == [point["name"] for point in points]
    assert f"this pair: {significant(answer['score'], 4)}" in chart.text_content()
    for drawn in ("non-mated", "curve"):
        assert chart.locator(f".{drawn}").first.is_visible()
    if own is not pooled:
        page.get_by_text("The same among all pairs").click()
    page.locator(".drawing .mated").wait_for()
    # A higher score lies further to the right, and this one left of each threshold that it does not reach.
    at = chart.locator(".score-dot").bounding_box()
    lines = [chart.locator(".threshold > path:first-child").nth(i).bounding_box()["x"] for i in range(len(points))]
    assert lines == sorted(lines)
    assert at["x"] < lines[0]
    page.get_by_text("The operating points as a table").last.click()
    rows = page.locator("tbody").last.locator("tr").all_inner_texts()
    assert all("not reached" in row for row in rows)
    assert any(f"{significant(100 * points[2]['fnmr'], 3)} %" in row for row in rows)


def test_by_keyboard_alone(opened, pictures):
    page = opened()
    # From now on choosers are told; asked for with the first key, they might be too late for it.
    page.on("filechooser", lambda chooser: None)
    focused = "(document.activeElement.labels?.[0] ?? document.activeElement).textContent"

    def tab_to(words):
        for _ in range(30):
            page.keyboard.press("Tab")
            if words in page.evaluate(focused):
                return
        pytest.fail(f"no key leads to {words}")

    for side, name in (("probe", "collins.jpg"), ("reference", "hopper.jpg")):
        tab_to(f"Choose a file for the {side}")
        outline = page.locator(f"label[for={side}-file]").evaluate("(label) => getComputedStyle(label).outlineStyle")
        assert outline == "solid", "who uses the keyboard sees where it is"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Space")
        chooser.value.set_files(pictures / name)
    tab_to("Decide at")
    page.keyboard.type("fmr_1e-3")
    tab_to("Compare")
    page.keyboard.press("Enter")
    answer = answered(page)
    assert answer["operating_point"] == "fmr_1e-3"
    assert page.inner_text("#status") == "No match."
    tab_to("The answer as JSON")
    page.keyboard.press("Enter")
    assert page.locator("pre.answer").is_visible()


@pytest.mark.parametrize(("scheme", "size"), [("light", {"width": 1100, "height": 800}), ("dark", PHONE)])
def test_can_be_read_by_everybody_in_the_light_in_the_dark_and_on_a_phone(opened, pictures, scheme, size):
    page = opened(color_scheme=scheme, viewport=size)
    put(page, pictures, "both.png", "hopper.jpg")
    page.click("#compare")
    answered(page)
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_role("button", name="Mark a face").first.click()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(paper) < 60) is (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 50
    assert [found for found in contrasts if found[1] < found[2]] == []
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(TINY) == []
    assert page.get_attribute("html", "lang") == "en"
    # Headings tell the order, each side and the answer are regions with a name, the status speaks by itself.
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for name in ("Probe", "Reference", "Match"):
        assert page.get_by_role("region", name=name, exact=True).is_visible()
    assert page.get_by_role("img", name="The picture of the probe: both.png").is_visible()
    assert page.locator("#status[role=status]").inner_text() == "Match."


@pytest.mark.parametrize("by", ["sliders", "mouse"])
def test_another_face_of_several_is_compared_once_it_is_marked(opened, pictures, by):
    page = opened()
    put(page, pictures, "both.png", "collins.jpg")
    page.click("#compare")
    first = answered(page)
    assert first["faces"]["probe"]["faces_found"] == 2
    assert "2 faces were found" in page.inner_text("#answer")
    wanted_is_left = first["decision"] != "match"  # Collins stands in the left half
    page.get_by_role("button", name="Mark a face").first.click()
    if by == "sliders":
        # The sliders are what a screen reader has; a key moves one as a hand does.
        edge = page.get_by_label("right" if wanted_is_left else "left", exact=False).locator("visible=true").first
        edge.focus()
        for _ in range(5):
            page.keyboard.press("PageDown" if wanted_is_left else "PageUp")
    else:
        box = page.locator("#probe img").bounding_box()
        start, end = (0.01, 0.55) if wanted_is_left else (0.6, 0.99)
        page.mouse.move(box["x"] + start * box["width"], box["y"] + 2)
        page.mouse.down()
        page.mouse.move(box["x"] + end * box["width"], box["y"] + box["height"] - 2, steps=3)
        page.mouse.up()
    page.click("#compare")
    second = answered(page)
    assert second["faces"]["probe"]["faces_found"] == 1
    assert {first["decision"], second["decision"]} == {"match", "non_match"}
    # The box is drawn where the face stands in the whole picture.
    shift = float(page.locator("#probe .face").get_attribute("transform").removeprefix("translate(").split()[0])
    assert (shift < 100) is wanted_is_left
    assert "both-part.png" in page.locator("pre.command").text_content()


def test_pictures_are_dropped_pasted_and_taken_by_the_camera_and_what_has_no_face_is_said(opened, pictures):
    page = opened()
    content = base64.b64encode((pictures / "collins.jpg").read_bytes()).decode()
    transfer = page.evaluate_handle(
        """(content) => {
          const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0)), transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
          return transfer;
        }""",
        content,
    )
    page.dispatch_event("#reference .stage", "drop", {"dataTransfer": transfer})
    assert "dropped.jpg" in page.inner_text("#reference")
    page.evaluate("(data) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", transfer)
    assert "dropped.jpg" in page.inner_text("#probe")
    page.get_by_role("button", name="Photograph the probe").click()
    page.get_by_role("button", name="Take the picture").click()
    page.locator("#probe-note", has_text="probe.png").wait_for()
    assert page.locator("dialog").count() == 0
    page.click("#compare")
    problem = answered(page)
    assert (problem["code"], problem["image"]) == ("no_face", "probe")
    assert page.get_by_role("heading", level=2).filter(has_text="Not compared (probe)").is_visible()
    assert problem["detail"] in page.inner_text("#answer")


def test_asks_for_a_key_where_the_service_does_and_keeps_it_out_of_the_command_line(opened, pictures, pack, tmp_path):
    lines = [
        f'{name} = {{ sha256 = "{digest_of(f"ida_{name}")}", scopes = {scopes} }}\n'
        for name, scopes in (("shop", ["verify"]), ("bank", ["verify", "info"]))
    ]
    (tmp_path / "keys.toml").write_text("".join(lines))
    fleet = Fleet(tmp_path)
    closed = fleet.add(str(tmp_path / "store"), pack.folder.parents[1], IDA_API_KEYS_FILE=str(tmp_path / "keys.toml"))
    try:
        fleet.start()
        page = opened(closed.url)
        page.locator("#key-field").wait_for()
        assert "key" in page.inner_text("#status")
        put(page, pictures, "collins.jpg", "hopper.jpg")
        page.click("#compare")
        assert answered(page)["code"] == "key_unknown"
        # A key that may compare and no more: no choices, no curves, the service's own decision.
        page.fill("#key", "ida_shop")
        page.keyboard.press("Tab")
        page.locator("#status", has_text="may not ask what is served").wait_for()
        page.click("#compare")
        page.locator(".verdict:not(.problem)").wait_for()
        assert "score" in answered(page)
        page.fill("#key", "ida_bank")
        page.keyboard.press("Tab")
        page.locator("#options").wait_for()
        page.select_option("#operating-point", "fmr_1e-3")
        page.click("#compare")
        page.locator(".drawing").first.wait_for()
        assert answered(page)["operating_point"] == "fmr_1e-3"
        command = page.locator("pre.command").text_content()
        assert "$IDA_API_KEY" in command
        assert "ida_bank" not in page.content()
    finally:
        fleet.close()


@pytest.mark.long
def test_docs_show_every_endpoint_without_the_internet_and_plainly_beside_the_admin_api(opened, replica):
    page = opened("/docs")
    page.wait_for_selector(".opblock-summary-path")
    shown = set(page.locator(".opblock-summary-path").evaluate_all("(all) => all.map((e) => e.dataset.path)"))
    assert {"/verify", "/embed", "/info"} <= shown
    inside = opened(f"http://127.0.0.1:{replica.environment['IDA_ADMIN_PORT']}/docs")
    inside.wait_for_selector("h2")
    assert "PUT /admin/anchor-sets/active" in inside.inner_text("main")
    assert inside.evaluate("[...document.scripts].map((script) => script.src)") == [
        f"http://127.0.0.1:{replica.environment['IDA_ADMIN_PORT']}/docs/endpoints.js"
    ]
