"""A page taken apart by the parser of the standard library."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "input", "br", "col", "hr"}


@dataclass
class Element:
    """A start tag with where it stands: the names of the elements around it."""

    tag: str
    attributes: dict[str, str]
    around: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """All elements of a page in order, with the text directly inside of each."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(one.tag for one in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {n: v or "" for n, v in attrs}, tuple(one.tag for one in self.open)))

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1].tag == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    @property
    def tags(self) -> Counter[str]:
        """How often each tag occurs."""
        return Counter(element.tag for element in self.elements)

    @property
    def text(self) -> str:
        """The text a reader sees: scripts and style sheets are none."""
        body = next(one for one in self.elements if one.tag == "body")
        scripts = [one.text for one in self.elements if one.tag in {"script", "style"} and "body" in one.around]
        text = body.text
        for script in scripts:
            text = text.replace(script, "")
        return text

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of a tag whose attributes hold these words."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag
            and all(value in one.attributes.get(name, "").split(" ") for name, value in wanted.items())
        ]


def parse(html: str) -> Page:
    """Return a page taken apart."""
    page = Page()
    page.feed(html)
    page.close()
    return page
