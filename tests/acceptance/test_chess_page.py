"""The chess example's page in a real browser, with the real server, worker and engine behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.servers import HOST, demo, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the page is not looked at without playwright: ./run setup"
)
expect = sync_api.expect

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
REFERENCE = "8/8/6P1/4R3/8/6k1/2r5/6K1 b - - 0 1"
KINGS = "4k3/8/8/8/8/8/8/4K3 w - - 0 1"
DEADLINE_MS = 20_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("chess")
    port = free_port()
    with demo(f"sqlite:///{folder / 'chess.db'}", port):
        yield f"http://{HOST}:{port}/"


class Visit:
    """One look at the page, which must ask nobody but its server, and break no rule of its own."""

    def __init__(self, context: "BrowserContext", address: str) -> None:
        self.context = context
        self.context.set_default_timeout(DEADLINE_MS)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def _hear(self, message: "ConsoleMessage") -> None:
        # A refusal of bad input is part of the play; the browser writes it down as an error all the same.
        if message.type == "error" and "422" not in message.text:
            self.faults.append(message.text)

    def fen_is(self, fen: str) -> None:
        expect(self.page.locator("#fen")).to_have_value(fen)

    def square(self, name: str) -> "Locator":
        return self.page.locator(f"[data-square={name}]")

    def tool(self, piece: str) -> "Locator":
        return self.page.locator(f"#palette [data-tool={piece}]")

    def analyse(self, fen: str, **limits: float) -> None:
        self.page.fill("#fen", fen)
        for field, value in limits.items():
            self.page.fill(f"#{field}", str(value))
        self.page.click("#go")

    def says(self, text: str) -> None:
        expect(self.page.locator("#progress-text")).to_contain_text(text, timeout=DEADLINE_MS)


@pytest.fixture
def visit(browser: "Browser", address: str) -> Iterator[Visit]:
    yield from visiting(browser.new_context(), address)


@pytest.fixture
def phone(browser: "Browser", address: str) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield from visiting(context, address)


def visiting(context: "BrowserContext", address: str) -> Iterator[Visit]:
    made = Visit(context, address)
    yield made
    made.context.close()
    assert not made.faults
    assert all(url.startswith(address) for url in made.requests)


def top_of(locator: "Locator") -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["y"]


def test_example_position_is_analysed_and_its_line_shown_in_words_moves_and_arrows(visit: Visit) -> None:
    visit.page.select_option("#examples", label="Black mates in two")
    visit.page.fill("#num_moves_to_return", "1")
    visit.page.click("#go")

    visit.says("Done")
    line = visit.page.locator(".line")
    expect(line).to_have_count(1)
    expect(line.locator(".score")).to_have_text("#\N{MINUS SIGN}2")
    expect(line.locator(".words")).to_have_text("Black mates in 2")
    assert line.locator(".move").all_text_contents() == ["Rc1+", "Re1", "Rxe1#"]
    expect(line.locator(".uci")).to_have_text("c2c1 e5e1 c1e1")
    expect(visit.page.locator(".arrow")).to_have_count(1)
    expect(visit.page.locator("#eval")).to_have_attribute("aria-valuetext", "#\N{MINUS SIGN}2, Black mates in 2")


def test_as_many_lines_as_asked_for_have_an_arrow_each_and_one_that_is_pointed_at_shows_its_moves(visit: Visit) -> None:
    visit.analyse(START, num_moves_to_return=4, depth_limit=8)

    visit.says("Done")
    expect(visit.page.locator(".line")).to_have_count(4)
    expect(visit.page.locator(".arrow")).to_have_count(4)
    visit.page.locator(".line").nth(2).hover()
    expect(visit.page.locator(".arrow")).to_have_count(3)


def test_move_of_a_line_shows_the_board_after_it_and_escape_leads_back(visit: Visit) -> None:
    visit.analyse(REFERENCE, num_moves_to_return=1)
    visit.says("Done")

    visit.page.locator(".move").first.click()

    expect(visit.square("c1")).to_have_attribute("aria-label", "c1, black rook")
    expect(visit.page.locator("#preview")).to_contain_text("After 1… Rc1+")
    visit.page.keyboard.press("Escape")
    expect(visit.square("c2")).to_have_attribute("aria-label", "c2, black rook")
    expect(visit.page.locator("#preview")).to_be_hidden()


def test_running_analysis_shows_how_deep_it_is_and_can_be_stopped(visit: Visit) -> None:
    visit.analyse(START, depth_limit=60, time_limit=60)

    visit.says("of 60")
    expect(visit.page.locator(".line .move").first).to_be_visible()
    visit.page.click("#stop")
    visit.says("Stopped")
    expect(visit.page.locator("#stop")).to_be_hidden()


def test_address_of_an_analysis_shows_it_again(visit: Visit) -> None:
    visit.analyse(REFERENCE, num_moves_to_return=1)
    visit.says("Done")

    visit.page.reload()

    visit.says("Done")
    visit.fen_is(REFERENCE)
    expect(visit.page.locator(".words")).to_have_text("Black mates in 2")


def test_changed_position_takes_the_lines_away_and_going_back_brings_them_again(visit: Visit) -> None:
    visit.analyse(REFERENCE, num_moves_to_return=1)
    visit.says("Done")

    visit.page.click("#start")

    expect(visit.page.locator(".line")).to_have_count(0)
    expect(visit.page.locator(".arrow")).to_have_count(0)
    visit.page.go_back()
    expect(visit.page.locator(".words")).to_have_text("Black mates in 2")
    visit.fen_is(REFERENCE)


def test_what_is_wrong_is_said_beside_its_field(visit: Visit) -> None:
    visit.analyse("4k3/8/8/8/8/8/8/K3K3 w - - 0 1", depth_limit=900)

    expect(visit.page.locator("#fen-error")).to_contain_text("White has 2 kings")
    expect(visit.page.locator("#depth_limit-error")).to_contain_text("less than or equal to 60")
    expect(visit.page.locator("#fen")).to_have_attribute("aria-invalid", "true")
    expect(visit.page.locator("#time_limit-error")).to_be_empty()


def test_position_is_judged_while_it_is_written(visit: Visit) -> None:
    visit.page.fill("#fen", "R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1")
    expect(visit.page.locator("#fen-state")).to_have_text("Checkmate: White has won")

    visit.page.fill("#fen", "8/8/8/8/8/8/8/4K3 w - - 0 1")
    expect(visit.page.locator("#fen-error")).to_contain_text("Black has no king")

    visit.page.fill("#fen", REFERENCE)
    expect(visit.page.locator("#fen-state")).to_have_text("Black to move")
    expect(visit.page.locator("#fen-error")).to_be_empty()


def test_game_that_is_over_is_said_to_be(visit: Visit) -> None:
    visit.analyse("R5k1/5ppp/8/8/8/8/8/6K1 b - - 0 1")

    visit.says("The game is over here")


def test_pieces_are_dragged_onto_over_and_off_the_board(visit: Visit) -> None:
    visit.page.fill("#fen", KINGS)

    visit.tool("Q").drag_to(visit.square("d1"))
    visit.fen_is("4k3/8/8/8/8/8/8/3QK3 w - - 0 1")
    visit.square("d1").drag_to(visit.square("h5"))
    visit.fen_is("4k3/8/8/7Q/8/8/8/4K3 w - - 0 1")
    visit.square("h5").drag_to(visit.page.locator("h1"))
    visit.fen_is(KINGS)


def test_pieces_are_set_moved_and_taken_by_tapping_on_a_phone(phone: Visit) -> None:
    phone.page.fill("#fen", KINGS)

    phone.tool("r").tap()
    phone.square("a8").tap()
    phone.square("b8").tap()
    phone.tool("r").tap()
    phone.fen_is("rr2k3/8/8/8/8/8/8/4K3 w - - 0 1")
    phone.square("a8").tap()
    phone.square("a2").tap()
    phone.fen_is("1r2k3/8/8/8/8/8/r7/4K3 w - - 0 1")
    phone.tool("eraser").tap()
    phone.square("b8").tap()
    phone.fen_is("4k3/8/8/8/8/8/r7/4K3 w - - 0 1")


def test_board_is_worked_by_keys_alone(visit: Visit) -> None:
    visit.page.fill("#fen", KINGS)

    visit.square("e1").focus()
    for key in ("ArrowUp", "ArrowRight", "P", "ArrowLeft", "ArrowDown", "Enter", "ArrowLeft", "Enter"):
        visit.page.keyboard.press(key)

    visit.fen_is("4k3/8/8/8/8/8/5P2/3K4 w - - 0 1")
    visit.square("f2").focus()
    visit.page.keyboard.press("Delete")
    visit.fen_is("4k3/8/8/8/8/8/8/3K4 w - - 0 1")


def test_side_to_move_and_castling_follow_and_make_the_fen(visit: Visit) -> None:
    visit.page.fill("#fen", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1")

    visit.page.get_by_text("Black to move", exact=True).click()
    visit.page.get_by_label("White O-O", exact=True).uncheck()
    visit.fen_is("r3k2r/8/8/8/8/8/8/R3K2R b Qkq - 0 1")

    visit.square("a8").drag_to(visit.square("b8"))
    visit.fen_is("1r2k2r/8/8/8/8/8/8/R3K2R b Qk - 0 1")
    expect(visit.page.get_by_label("Black O-O-O", exact=True)).to_be_disabled()


def test_turned_board_has_black_below_and_the_same_squares(visit: Visit) -> None:
    before = top_of(visit.square("e8"))

    visit.page.click("#flip")

    assert top_of(visit.square("e8")) > before
    visit.square("e7").drag_to(visit.square("e5"))
    visit.fen_is("rnbqkbnr/pppp1ppp/8/4p3/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1")


def test_phone_has_no_sideways_scrolling_and_keeps_the_board_beside_the_lines(phone: Visit) -> None:
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390

    phone.analyse(START, num_moves_to_return=5, depth_limit=8)
    phone.says("Done")
    last = phone.page.locator(".line").last
    last.scroll_into_view_if_needed()

    expect(phone.page.locator("#board")).to_be_in_viewport(ratio=0.9)
    expect(last).to_be_in_viewport()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_dark_and_light_follow_the_system(browser: "Browser", address: str) -> None:
    grounds = [
        look.page.evaluate("getComputedStyle(document.body).backgroundColor")
        for context in (browser.new_context(color_scheme="light"), browser.new_context(color_scheme="dark"))
        for look in visiting(context, address)
    ]

    assert grounds == ["rgb(246, 247, 249)", "rgb(20, 24, 30)"]
