"""The page in a browser: what a reader does with it, and that nothing goes wrong unseen."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from lkca_exp.report.build import report
from lkca_exp.report.compare.choice import Choice
from lkca_exp.report.live import site
from lkca_exp.report.live.server import LOOPBACK, Server
from lkca_exp.report.live.site import Site
from lkca_exp.runs.record import Failure
from tests.report.conftest import write_predictions

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium; Debian's package chromium has it")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def opened(browser, address: str, **options) -> Iterator[playwright.Page]:
    """A page; in the end nothing may have gone wrong in it, and nothing been asked from elsewhere."""
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith((address.partition("index.html")[0], "data:"))] == []


@pytest.fixture
def index(make_run, compared) -> str:
    """The address of a page with all that a page can have."""
    for path in compared.iterdir():
        write_predictions(path, 0.9 if "lkca" in path.name else 0.8)
    for mixer in ("attention", "lkca"):
        make_run(mixer, 0, 0.8, config={"data.name": "svhn", "data.fraction": 0.2})
    make_run("lkca", 3, None, status="failed", label=HOSTILE, error=Failure("ValueError", HOSTILE, ""))
    make_run("lkca", 4, None, status="running")
    (make_run("lkca", 5) / "run.json").write_text("{")
    return report([compared], Console(quiet=True)).as_uri()


def column(page, title: str) -> list[str]:
    """The texts of a column of the table of runs that are to be seen."""
    table = page.locator("table.runs")
    titles = table.locator("thead th").all_inner_texts()
    place = [text.split(" ▲")[0].split(" ▼")[0] for text in titles].index(title)
    rows = table.locator("tbody tr").all()
    return [row.locator("th, td").nth(place).inner_text() for row in rows if row.is_visible()]


def test_a_click_sorts_by_number_and_by_word_and_the_empty_come_last(browser, index):
    with opened(browser, index) as page:
        head = page.locator("table.runs thead")
        head.get_by_role("button", name="Top-1 %").click()
        falling = column(page, "Top-1 %")
        head.get_by_role("button", name="Top-1 %").click()
        rising = column(page, "Top-1 %")
        head.get_by_role("button", name="State").click()
        states = column(page, "State")
    numbers = [float(text) for text in rising if text]
    assert numbers == sorted(numbers) == [float(text) for text in falling if text][::-1]
    assert rising[-2:] == falling[-2:] == ["", ""]
    assert states == ["failed"] + ["finished"] * 8 + ["running"]


def test_words_filter_the_runs(browser, index):
    with opened(browser, index) as page:
        box = page.get_by_placeholder("words, such as")
        box.fill("FAILED script")
        assert column(page, "State") == ["failed"]
        assert page.locator(".filter [role=status]").inner_text() == "1 of 10"
        box.fill("")
        assert len(column(page, "State")) == 10


def chart(page, title: str) -> playwright.Locator:
    """The first chart whose title begins so, drawn by the script."""
    found = page.locator(f'.chart[aria-label^="{title}"]').first
    found.scroll_into_view_if_needed()
    found.locator(".live svg").wait_for()
    return found


def lines(drawn) -> int:
    """How many lines a chart of curves has."""
    return drawn.locator(".live .mark-line path").count()


def legend(page, name: str) -> playwright.Locator:
    return page.locator(".legend").first.get_by_role("button", name=name)


def settled(page) -> None:
    """Wait until the charts have followed."""
    page.evaluate("Promise.all([...views.values()].map((view) => view.runAsync())).then(() => null)")


def until(page, true: str) -> None:
    """Wait for an expression. Playwright's own `wait_for_function` evaluates a text in the page, which its policy for
    content forbids."""
    for _ in range(100):
        if page.evaluate(true):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {true}")


def changed(page, texts, before: list[str]) -> list[str]:
    """The texts, sorted, once they are others than before, which takes a busy machine a while."""
    for _ in range(100):
        if (now := sorted(texts.all_text_contents())) != before:
            return now
        page.wait_for_timeout(100)
    return before


def test_a_name_is_hidden_or_shown_alone_in_all_charts(browser, index):
    with opened(browser, index) as page:
        loss, accuracy = chart(page, "Training loss"), chart(page, "Training top-1")
        seen = lines(loss)
        legend(page, "lkca").click()
        settled(page)
        hidden = (lines(loss), lines(accuracy), legend(page, "lkca").get_attribute("aria-pressed"))
        page.locator(".chart").last.scroll_into_view_if_needed()
        drawn_later = lines(chart(page.locator(".panel").nth(1), "Training loss"))
        legend(page, "lkca").press("Enter")
        legend(page, "attention").dblclick()
        settled(page)
        alone = [button.get_attribute("aria-pressed") for button in page.locator(".legend button").all()]
        legend(page, "attention").press("Shift+Enter")
        settled(page)
        again = lines(loss)
    assert seen == again == 4, "two means, a run that failed and one under way"
    assert hidden == (1, 1, "false")
    assert drawn_later == 1
    assert sorted(set(alone)) == ["false", "true"]


def test_the_pointer_reads_all_curves_at_an_epoch(browser, index):
    with opened(browser, index) as page:
        drawn = chart(page, "Training loss")
        box = drawn.bounding_box()
        drawn.hover(position={"x": box["width"] * 0.55, "y": box["height"] / 2})
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        text = tip.inner_text()
        page.mouse.move(0, 0)
        tip.wait_for(state="hidden")
    assert text.splitlines() == ["epoch: 2", "lkca: 1.2000", "attention: 1.2000"]


def test_dragging_zooms_all_curves_to_the_epochs_and_a_double_click_zooms_out(browser, index):
    with opened(browser, index) as page:
        loss, accuracy = chart(page, "Training loss"), chart(page, "Training top-1")
        ticks = accuracy.locator(".live .role-axis-label text")
        before = sorted(ticks.all_text_contents())
        box = loss.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
        page.mouse.up()
        until(page, "chosen.zoom.get('epoch')?.x")
        settled(page)
        ends = [box.input_value() for box in page.locator(".epoch-end").all()[:2]]
        zoomed = sorted(ticks.all_text_contents())
        page.reload()
        loss = chart(page, "Training loss")
        chart(page, "Training top-1")
        reloaded = [box.input_value() for box in page.locator(".epoch-end").all()[:2]]
        still_zoomed = sorted(ticks.all_text_contents())
        loss.dblclick()
        until(page, "!chosen.zoom.get('epoch')?.x")
        settled(page)
        after = sorted(ticks.all_text_contents())
        assert page.url == index + "#"
    assert ends == reloaded == ["2", "3"]
    assert zoomed == still_zoomed != before == after


def test_the_keyboard_chooses_epochs_a_logarithmic_axis_and_smooth_curves(browser, index):
    with opened(browser, index) as page:
        loss = chart(page, "Training loss")
        ticks = loss.locator(".live .role-axis-label text")
        before = sorted(ticks.all_text_contents())
        controls = page.locator(".controls").first
        controls.get_by_label("epochs from").press_sequentially("2")
        controls.get_by_label("epochs from").press("Tab")
        until(page, "chosen.zoom.get('epoch')?.x")
        settled(page)
        narrow = sorted(ticks.all_text_contents())
        last = controls.get_by_label("to", exact=True).input_value()
        controls.get_by_role("button", name="Reset zoom").press("Enter")
        settled(page)
        after = sorted(ticks.all_text_contents())
        curve = loss.locator(".live .mark-line path").first
        straight = curve.get_attribute("d")
        controls.get_by_label("smooth curves").press("Space")
        playwright.expect(curve).not_to_have_attribute("d", straight)
        controls.get_by_label("logarithmic loss").press("Space")
        logarithmic = changed(page, ticks, after)
    assert narrow != before == after
    assert last == "3", "the end that was left open"
    assert logarithmic != after


def test_curves_are_read_against_steps_too_and_the_epochs_chosen_hold(browser, index):
    with opened(browser, index) as page:
        loss = chart(page, "Training loss")
        ticks = loss.locator(".live .role-axis-label text")
        before = sorted(ticks.all_text_contents())
        controls = page.locator(".controls").first
        controls.get_by_label("curves against").select_option("steps")
        caption = page.locator("figcaption", has_text="Training loss against steps").first
        caption.wait_for()
        until(page, "document.querySelector('.unit').value === 'steps'")
        all_steps = changed(page, ticks, before)
        assert "steps" in loss.locator(".live").text_content()
        controls.get_by_label("epochs from").press_sequentially("2")
        controls.get_by_label("epochs from").press("Tab")
        late = changed(page, ticks, all_steps)
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        chart(page, "Training loss")
        again = page.locator("select.unit").last.input_value()
        caption.wait_for()
        page.locator("select.unit").first.select_option("epoch")
        epochs = changed(page, ticks, late)
    assert "60" in all_steps
    assert "60" not in late
    assert again == "steps"
    assert 3.0 in map(float, epochs)  # "3" or "3.0", as there is room
    assert "120" not in epochs


@pytest.mark.parametrize("name", ["image", "title", HOSTILE, "a'\"]); alert(1) //", "datum.mean"])
def test_a_hostile_name_is_text_under_the_pointer(browser, make_run, runs, name):
    for mixer in ("attention", name):
        for seed in range(2):
            make_run(mixer, seed, 0.9 + seed / 100, label="odd")
    with opened(browser, report([runs / "digits_compare"], Console(quiet=True)).as_uri()) as page:
        drawn = chart(page, "Training loss")
        box = drawn.bounding_box()
        drawn.hover(position={"x": box["width"] * 0.55, "y": box["height"] / 2})
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert f"{name}: 1.2000" in tip.inner_text().splitlines()
        assert tip.locator("img, script, h2").count() == 0
        legend(page, name).click()
        settled(page)
        assert lines(drawn) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_it_fits_the_screen_and_can_be_read(browser, index, width, scheme):
    with opened(browser, index, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        wide = page.evaluate("document.documentElement.scrollWidth")
        colours = "(e) => [e, document.body].map((one) => getComputedStyle(one))"
        text, paper = page.evaluate(f"(({colours})(document.body)).map((s, i) => i ? s.backgroundColor : s.color)")
        tick = chart(page, "Training loss").locator(".live .role-axis-label text").first
        size = tick.evaluate("(e) => e.getBoundingClientRect().height")
        ticks = tick.evaluate("(e) => getComputedStyle(e).fill")
    assert wide == width
    assert contrast(text, paper) > 12
    assert contrast(ticks, paper) > 4.5
    assert size >= 9


def test_the_answer_and_its_table_are_on_the_first_screen(browser, compared):
    address = report([compared], Console(quiet=True)).as_uri()
    with opened(browser, address, viewport={"width": 1400, "height": 900}) as page:
        drawn = chart(page, "Difference from attention")
        assert drawn.locator(".live .mark-symbol path").count() == 1
        bottom = page.get_by_role("region", name="Variants on digits").bounding_box()
        assert bottom["y"] + bottom["height"] < 900
        scrolling = page.locator(".scroll").evaluate_all("(all) => all.filter((e) => e.scrollWidth > e.clientWidth)")
        assert scrolling == []
        assert not page.get_by_text("How to read").locator("xpath=following-sibling::p").first.is_visible()


def test_the_answers_of_six_settings_are_on_the_first_screen_and_open(browser, make_run, compared):
    for fraction in (0.01, 0.05, 0.1, 0.2, 0.5):
        for mixer in ("attention", "lkca", "lkca_depthwise"):
            for seed in range(2):
                make_run(mixer, seed, 0.9 + seed / 100, config={"data.fraction": fraction})
    address = report([compared], Console(quiet=True)).as_uri()
    with opened(browser, address, viewport={"width": 1400, "height": 900}) as page:
        settings = page.locator(".in-brief > summary")
        assert settings.count() == page.locator(".in-brief > summary svg").count() == 6
        last = settings.last.bounding_box()
        assert last["y"] + last["height"] < 700
        assert not page.locator(".in-brief .headline").first.is_visible()
        settings.first.press("Enter")
        assert page.locator(".in-brief .headline").first.is_visible()
        assert chart(page, "Difference from attention").locator(".live .mark-symbol path").count() == 2


def test_columns_are_chosen_and_stay_chosen_in_the_address(browser, index):
    with opened(browser, index) as page:
        table = page.get_by_role("region", name="Variants on digits", exact=True)
        method = table.get_by_role("columnheader", name="Method")
        assert not method.is_visible()
        page.get_by_text("Columns:").first.click()
        page.get_by_label("Method").first.check()
        page.get_by_label("MFLOPs").first.uncheck()
        assert method.is_visible()
        page.get_by_role("link", name="Runs").click()
        chosen = page.url
        page.goto("about:blank")
        page.goto(chosen)
        assert method.is_visible()
        assert not table.get_by_role("columnheader", name="MFLOPs").is_visible()
        page.get_by_text("Columns:").first.click()
        assert page.get_by_label("Method").first.is_checked()


def test_names_of_variants_break_between_words_only(browser, make_run, compared):
    name = "a_variant_of_large_kernels_with_a_name"
    make_run(name, 0, 0.9, label="odd")
    address = report([compared], Console(quiet=True)).as_uri()
    with opened(browser, address, viewport={"width": 390, "height": 900}) as page:
        cell = page.get_by_role("region", name="Variants on digits").get_by_role("rowheader", name=name).locator("span")
        assert cell.evaluate("(e) => e.getClientRects().length") == 1
        assert cell.bounding_box()["height"] < 30


def explored(page, **choices: str) -> playwright.Locator:
    """The section *Explore* with its chart, drawn by these choices."""
    section = page.locator("#explore")
    section.scroll_into_view_if_needed()
    section.locator("svg.marks").wait_for()
    for name, choice in choices.items():
        section.locator(f"[name={name}]").select_option(choice)
    page.wait_for_timeout(700)
    return section


def test_runs_are_explored_by_any_key_and_the_address_keeps_it(browser, index):
    with opened(browser, index) as page:
        section = explored(page, x="train_images_per_s", colour="status", facet="data")
        status = section.locator("[role=status]")
        playwright.expect(status).to_have_text("8 of 10 runs.")
        playwright.expect(section.locator(".mark-symbol.role-mark path")).to_have_count(8)
        assert "fraction=0.2" in section.locator("svg.marks").text_content()
        section.get_by_label("only runs whose").select_option("seed")
        section.locator("[name=is]").fill("1 to 2")
        section.locator("[name=is]").press("Tab")
        playwright.expect(status).to_have_text("4 of 10 runs.")
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        again = explored(page)
        assert again.locator("[name=x]").input_value() == "train_images_per_s"
        playwright.expect(status).to_have_text("4 of 10 runs.")
        again.get_by_label("only runs whose").select_option("variant")
        again.locator("[name=is]").fill("LKCA")
        again.locator("[name=is]").press("Tab")
        playwright.expect(status).to_have_text("4 of 10 runs.")


def test_points_and_a_list_link_to_the_pages_of_runs(browser, compared):
    index = report([compared], Console(quiet=True)).as_uri()
    with opened(browser, index) as page:
        explored(page).locator(".mark-symbol.role-mark path").first.click()
        page.get_by_role("heading", name="Configuration where").wait_for()
        pointed = page.url
        page.go_back()
        section = explored(page, x="seed")
        section.get_by_text("List of these runs").press("Enter")
        playwright.expect(section.get_by_role("listitem")).to_have_count(6)
        first = section.get_by_role("listitem").first.get_by_role("link")
        assert first.inner_text().startswith("variant ")
        section.get_by_label("facet").focus()
        first.press("Enter")
        page.get_by_role("heading", name="Configuration where").wait_for()
        assert page.url.startswith(index.removesuffix("index.html") + "runs/")
    assert pointed.startswith(index.removesuffix("index.html") + "runs/")


@pytest.mark.parametrize("facet", ["", "variant"])
def test_the_explored_chart_is_as_wide_as_the_window(browser, compared, facet):
    index = report([compared], Console(quiet=True)).as_uri()
    with opened(browser, index, viewport={"width": 1300, "height": 900}) as page:
        drawn = explored(page, facet=facet).locator("svg.marks")
        wide = drawn.bounding_box()["width"]
        page.set_viewport_size({"width": 800, "height": 900})
        until(page, "document.querySelector('#explore svg.marks')?.getBoundingClientRect().width <= 800")
        narrow = drawn.bounding_box()["width"]
    assert 1000 < wide <= 1300
    assert 600 < narrow <= 800


@pytest.mark.parametrize("name", [HOSTILE, "a'\"]); alert(1) //", "datum.f0"])
def test_hostile_names_are_text_when_runs_are_explored(browser, make_run, runs, name):
    for mixer in ("attention", name):
        for seed in range(2):
            make_run(mixer, seed, 0.9 + seed / 100, label=name, config={"optim.name": f"{name}{seed}"})
    with opened(browser, report([runs / "digits_compare"], Console(quiet=True)).as_uri()) as page:
        section = explored(page, facet="variant", colour="optim.name")
        point = section.locator(".mark-symbol.role-mark path").first
        point.hover()
        tip = page.locator("#vg-tooltip-element.visible")
        tip.wait_for()
        assert f"run: {name}" in tip.inner_text().splitlines()
        assert tip.locator("img, script, h2").count() == 0
        assert name in section.locator("svg.marks").text_content()


def contrast(one: str, other: str) -> float:
    """Of two colours `rgb(r, g, b)`, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_without_script_all_is_there_but_what_needs_it(browser, index):
    with opened(browser, index, java_script_enabled=False) as page:
        assert page.locator(".still svg").first.is_visible()
        assert page.locator(".live").count() == 0
        assert page.locator("table.runs tbody tr").count() == 10
        assert not page.locator(".filter").is_visible()
        assert page.locator("thead button").count() == 0


def test_it_prints(browser, index, tmp_path):
    with opened(browser, index) as page:
        drawn = chart(page, "Training loss")
        page.emulate_media(media="print")
        assert drawn.locator(".still").is_visible()
        assert not drawn.locator(".live").is_visible()
        page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
        cut = page.evaluate(
            "[...document.querySelectorAll('.scroll')].filter((e) => getComputedStyle(e).overflowX != 'visible')"
        )
    assert cut == []
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_live_page_renews_itself_and_keeps_what_was_chosen(browser, make_run, compared, monkeypatch):
    monkeypatch.setattr(site, "REST", 0)
    with Server(Site([compared], Choice(), []), LOOPBACK, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with opened(browser, server.url) as page:
                page.get_by_placeholder("words, such as").fill("lkca")
                page.locator("table.runs thead").get_by_role("button", name="Top-1 %").click()
                legend(page, "attention").click()
                chart(page, "Training loss")
                page.evaluate("zoom('epoch', { x: [1, 2] })")
                seeds, scrolled = chart(page, "Test top-1, seed by seed"), page.evaluate("scrollY")
                seeds.evaluate("(element) => (element.dataset.seen = 'before')")
                make_run("lkca", 7, None, status="failed", error=Failure("ValueError", "no luck", ""))
                page.locator("#under-way", has_text="no luck").wait_for(timeout=10_000)
                assert column(page, "Top-1 %") == ["99.00", "98.00", "98.00", ""]
                assert page.evaluate("scrollY") == pytest.approx(scrolled, abs=300), "a table has come above it"
                assert chart(page, "Test top-1, seed by seed").get_attribute("data-seen") == "before"
                assert legend(page, "attention").get_attribute("aria-pressed") == "false"
                loss = chart(page, "Training loss")
                until(page, "document.querySelectorAll('.live').length === views.size")
                settled(page)
                assert lines(loss) == 2, "the mean of lkca, and the new run"
                assert page.locator(".epoch-end").first.input_value() == "1"
                page.locator("table.runs").get_by_role("link").first.click()
                page.get_by_role("link", name="run.json").click()
                assert '"format": 1' in page.content()
        finally:
            server.shutdown()
            thread.join()


def test_the_figures_for_a_paper_open_too(browser, index):
    path = Path(index.removeprefix("file://")).parent / "figures"
    with opened(browser, (path / "digits-seeds.svg").as_uri()) as page:
        assert page.locator("text").count() > 5
        assert page.locator("svg").get_attribute("aria-label").startswith("Test top-1, seed by seed")


def test_a_run_has_a_page_without_script_that_fits_the_screen(browser, index):
    with opened(browser, index, viewport={"width": 390, "height": 900}) as page:
        page.locator("table.runs").get_by_role("link").first.click()
        assert page.locator(".still svg").first.is_visible()
        assert page.evaluate("[document.documentElement.scrollWidth, document.scripts.length]") == [390, 0]
        page.locator("header").get_by_role("link").click()
        assert page.url == index
