"""Word's equations (Office Math) -> one line of text, so that no formula is lost from a document.

"A=πr^2", "(-b±√(b^2-4ac))/(2a)": the linear format that Word itself types and shows, not LaTeX,
because it reads as plain text where it is quoted. Source: ECMA-376 part 1, chapter 22.1; and
unicode.org/notes/tn28 for the linear format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def equations_as_text(document_xml: bytes) -> bytes:
    """Word's main part with each equation replaced by a run of text.

    Raises lxml.etree.XMLSyntaxError if it is no XML.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root = etree.fromstring(document_xml, parser)
    for equation in list(root.iter(f"{_MATH}oMathPara", f"{_MATH}oMath")):
        parent = equation.getparent()
        if parent is None or parent.tag == f"{_MATH}oMathPara":
            continue  # goes in with the paragraph of equations around it
        run = etree.Element(f"{_WORD}r")
        text = etree.SubElement(run, f"{_WORD}t")
        text.set(_SPACE, "preserve")
        text.text = " ".join(linear(equation).split())
        if parent.tag in (f"{_WORD}body", f"{_WORD}tc"):  # where only paragraphs may stand
            paragraph = etree.Element(f"{_WORD}p")
            paragraph.append(run)
            run = paragraph
        run.tail = equation.tail
        parent.replace(equation, run)
    result: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return result


def linear(element: Element) -> str:
    """An equation, or a part of one, as a line of text."""
    tag = str(element.tag).removeprefix(_MATH)
    part = _Parts(element)
    match tag:
        case "t":
            return element.text or ""
        case "f":
            return f"{_grouped(part['num'])}/{_grouped(part['den'])}"
        case "sSup":
            return f"{_grouped(part['e'])}^{_grouped(part['sup'])}"
        case "sSub":
            return f"{_grouped(part['e'])}_{_grouped(part['sub'])}"
        case "sSubSup":
            return f"{_grouped(part['e'])}_{_grouped(part['sub'])}^{_grouped(part['sup'])}"
        case "sPre":
            return f"_{_grouped(part['sub'])}^{_grouped(part['sup'])} {part['e']}"
        case "rad":
            return f"{part['deg']}√{_grouped(part['e'])}"
        case "nary":
            limits = f"{_raised('_', part['sub'])}{_raised('^', part['sup'])}"
            return f"{part.setting('chr', '∫')}{limits} {part['e']}"
        case "limLow":
            return f"{part['e']}_{_grouped(part['lim'])} "
        case "limUpp":
            return f"{part['e']}^{_grouped(part['lim'])} "
        case "func":
            return f"{part['fName']} {_grouped(part['e'])}"
        case "d":
            inside = part.setting("sepChr", "|").join(part.all("e"))
            return f"{part.setting('begChr', '(')}{inside}{part.setting('endChr', ')')}"
        case "m":
            return "[" + "; ".join(part.all("mr")) + "]"
        case "mr":
            return ", ".join(part.all("e"))
        case "eqArr":
            return "; ".join(part.all("e"))
        case _:
            return "".join(linear(child) for child in element if _is_content(child))


class _Parts:
    """The named parts of an Office Math element, as text."""

    def __init__(self, element: Element) -> None:
        self._element = element

    def __getitem__(self, name: str) -> str:
        return "".join(self.all(name))

    def all(self, name: str) -> list[str]:
        return [linear(child).strip() for child in self._element.findall(_MATH + name)]

    def setting(self, name: str, default: str) -> str:
        """A character that the element's properties set."""
        found = self._element.find(f"./*/{_MATH}{name}")
        value = None if found is None else found.get(f"{_MATH}val")
        return default if value is None else str(value)


def _is_content(element: Element) -> bool:
    return isinstance(element.tag, str) and not element.tag.endswith("Pr")


def _grouped(text: str) -> str:
    return text if len(text) == 1 or text.isalnum() else f"({text})"


def _raised(mark: str, text: str) -> str:
    return f"{mark}{_grouped(text)}" if text else ""
