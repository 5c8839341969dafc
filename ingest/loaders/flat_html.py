"""HTML -> its bare text, however deeply it is nested: for what no tree can be made of."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html.parser import HTMLParser


def flat_text(markup: str, *, dropped: Collection[str], is_block: Callable[[str], bool]) -> str:
    """The text, a line for each block. dropped: elements with an end whose text is left out."""
    reader = _Reader(dropped, is_block)
    reader.feed(markup)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(filter(None, lines))


class _Reader(HTMLParser):
    def __init__(self, dropped: Collection[str], is_block: Callable[[str], bool]) -> None:
        super().__init__(convert_charrefs=True)
        self._dropped = dropped
        self._is_block = is_block
        self._left_out = ""  # the element whose end is waited for
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        if tag in self._dropped and not self._left_out:
            self._left_out = tag
        if self._is_block(tag):
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, _attrs: object) -> None:
        if self._is_block(tag):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._left_out:
            self._left_out = ""
        if self._is_block(tag):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._left_out:
            # Lines of the source are none of the text.
            self.parts.append(data.replace("\n", " "))
