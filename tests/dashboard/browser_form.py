"""What a browser would send of a form, by the rules of HTML: no more of it than our pages use."""

from html.parser import HTMLParser


class _Controls(HTMLParser):
    """Collects the controls of a page that would be sent."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self._text: str | None = None
        self._area = ""
        self._select = ""
        self._options: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        match tag:
            case "input":
                self._input(known)
            case "textarea":
                self._area, self._text = known["name"], ""
            case "select":
                self._select, self._options = known["name"], []
            case "option":
                self._options.append((known["value"], "selected" in known))
            case "button" if "name" in known:
                self.buttons.append((known["name"], known["value"]))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            assert self._text is not None
            self.sent.append((self._area, _newlines(self._text.removeprefix("\n"))))
            self._text = None
        elif tag == "select":
            chosen = [value for value, is_selected in self._options if is_selected]
            self.sent.append((self._select, chosen[-1] if chosen else self._options[0][0]))

    def _input(self, known: dict[str, str]) -> None:
        if "name" not in known:
            return
        if known.get("type") not in {"checkbox", "radio"}:
            self.sent.append((known["name"], known.get("value", "").replace("\n", "").replace("\r", "")))
        elif "checked" in known:
            self.sent.append((known["name"], known.get("value", "on")))


def controls(html: str) -> dict[str, str]:
    """Return the controls of a page with one form, by name, as they are sent when nothing was changed."""
    parser = _Controls()
    parser.feed(html)
    parser.close()
    return dict(parser.sent)


def buttons(html: str) -> list[tuple[str, str]]:
    """Return the names and values of the buttons."""
    parser = _Controls()
    parser.feed(html)
    return parser.buttons


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
