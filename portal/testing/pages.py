"""Reads a page as a browser does: its headings, links and forms, and whatever is wrong with its making."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905 - easier to read
_DRAWING = "svg"  # inside it a tag may close itself


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""
    presses: bool = False  # whether its button has begun


class Page(HTMLParser):
    """One document. `problems` are tags that don't match, `addresses` all that a browser would fetch or follow."""

    def __init__(self, text: str, path: str = "") -> None:
        """`path` is the page's own, where a form leads that doesn't say."""
        super().__init__(convert_charrefs=True)
        self._path = path
        self.lang: str | None = None
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.problems: list[str] = []
        self.addresses: list[str] = []
        self.forms: list[Form] = []
        self.texts: dict[str, list[str]] = {"title": [], "h1": []}
        self.links: list[str] = []
        self.boxes: list[str] = []  # the names of those that are not ticked
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self._open]

    @property
    def heading(self) -> str:
        """The text of its one `<h1>`."""
        (heading,) = self.texts["h1"]
        return heading

    def form(self, action: str) -> Form:
        """The one form that leads to a path."""
        (found,) = (form for form in self.forms if form.action == action)
        return found

    @property
    def steps(self) -> list[str]:
        """What a person may do next: where the buttons and links of the main part lead."""
        return [form.action for form in self.forms] + self.links

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        self.attributes |= said.keys()
        self.addresses += [said[name] for name in ("src", "href", "action", "formaction", "srcset") if name in said]
        match tag:
            case "html":
                self.lang = said.get("lang")
            case "a" if "main" in self._open:
                self.links.append(said["href"])
            case "form":
                self.forms.append(Form(said.get("action", self._path), said.get("method", "get")))
            case "button" if "form" in self._open and "formaction" in said:
                self._press_elsewhere(said["formaction"])
            case "input" if said.get("type") == "checkbox" and "checked" not in said:
                self.boxes.append(said.get("name", ""))  # a browser sends nothing of it
            case "input" | "button" if self.forms and "form" in self._open and said.get("name"):
                self.forms[-1].fields[said["name"]] = said.get("value", "")
            case "title" | "h1":
                self.texts[tag].append("")
        if tag not in _VOID:
            self._open.append(tag)

    def _press_elsewhere(self, action: str) -> None:
        """A button with an address of its own makes a form of its own, with the fields of the one it stands in."""
        around = self.forms[-1]
        if around.button or around.presses:
            self.forms.append(Form(action, around.method, around.fields))
        else:
            around.action = action
        self.forms[-1].presses = True

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in _VOID:
            self.handle_endtag(tag)
            if _DRAWING not in self._open:
                self.problems.append(f"<{tag}/> closes itself only in a drawing")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open[-1:]:
            self._open.pop()
        else:
            self.problems.append(f"</{tag}> closes {self._open[-1:] or 'nothing'}")

    def handle_data(self, data: str) -> None:
        for tag, texts in self.texts.items():
            if tag in self._open and _DRAWING not in self._open:
                texts[-1] += data
        if "button" in self._open and self.forms:
            self.forms[-1].button = " ".join(f"{self.forms[-1].button} {data}".split())
