"""Paragraphs of a Word file whose parts stand below one another by tabs -> rows of a table.

Works on mammoth's HTML, where a paragraph is one `<p>` without attributes and a tab is a tab.
"""

from __future__ import annotations

import re
from itertools import groupby

_PARAGRAPHS = re.compile(r"(?:<p>(?:(?!</?p>).)*</p>){2,}", re.DOTALL)
_PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_MOST_CELL = 80  # characters


def tabs_as_tables(markup: str) -> str:
    """The same, neighbouring paragraphs that tabs part alike as a table.

    Lines with labels ("Hall:<tab>Westgate Barn") are no rows: each says by itself what it is.
    """
    return _PARAGRAPHS.sub(lambda match: _with_tables(match.group()), markup)


def _with_tables(paragraphs: str) -> str:
    parts = []
    found = [match.group(1) for match in _PARAGRAPH.finditer(paragraphs)]
    for count, run in groupby(found, key=lambda paragraph: len(_cells(paragraph))):
        group = list(run)
        if count > 1 and len(group) > 1:
            rows = ("".join(f"<td>{cell}</td>" for cell in _cells(each)) for each in group)
            parts.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
        else:
            parts += [f"<p>{paragraph}</p>" for paragraph in group]
    return "".join(parts)


def _cells(paragraph: str) -> list[str]:
    """What tabs part in a paragraph; nothing where that is not as in a row."""
    cells = [cell.strip() for cell in re.split(r"\t+", _TAG.sub("", paragraph).strip())]
    is_row = not cells[0].endswith(":") and all(len(cell) <= _MOST_CELL for cell in cells)
    return cells if len(cells) > 1 and is_row else []
