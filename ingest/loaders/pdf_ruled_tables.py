"""Tables of a PDF page that are grids of drawn lines. Pure: from positions to cells."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from ingest.loaders.pdf_table_cells import Cells, Table, is_table, spans_of, without_empty
from ingest.loaders.pdf_words import (
    WIDEST_SPACE,
    Box,
    Line,
    Piece,
    around,
    is_figure,
    lines_of,
    pieces_of,
)
from ingest.page_layout import Rule

# The work of a page is bounded: beyond this its text stays as it is.
_MOST_CROSSINGS = 40_000
_MOST_CELLS = 3000
_WIDEST_SPAN = 24  # rows or columns of one ruled cell
_SNAP = 3.0  # points: lines this near are one line, ends this near meet
_MOST_RULES = 4000


def ruled_tables(rules: Sequence[Rule], words: Sequence[Piece]) -> Iterator[Table]:
    """Tables whose every cell has a ruled border."""
    if not 4 <= len(rules) <= _MOST_RULES:
        return
    across = _merged([rule for rule in rules if rule.horizontal])
    down = _merged([rule for rule in rules if not rule.horizontal])
    if len(across) < 2 or len(down) < 2 or len(across) * len(down) > _MOST_CROSSINGS:
        return
    found = _cells(across, down)
    if len(found) > _MOST_CELLS:
        return
    free = list(words)
    for cells in sorted(_connected(found), key=_area):  # a table in a table's cell first
        table = _grid_table(cells, free)
        if table is not None:
            yield table
            taken = set(spans_of(table))
            free = [word for word in free if word.spans[0] not in taken]


def _area(cells: Sequence[Box]) -> float:
    frame = around(cells)
    return (frame.right - frame.left) * frame.height


def _merged(rules: list[Rule]) -> list[Rule]:
    """Rules of one direction: those side by side or end to end as one, sorted by place."""
    merged: list[Rule] = []
    groups: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda r: r.place):
        if groups and rule.place - groups[-1][-1].place <= _SNAP:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    for group in groups:
        place = sum(r.place for r in group) / len(group)
        start = end = None
        for rule in sorted(group, key=lambda r: r.start):
            if end is not None and start is not None and rule.start <= end + _SNAP:
                end = max(end, rule.end)
                continue
            if end is not None and start is not None:
                merged.append(Rule(rule.horizontal, place, start, end))
            start, end = rule.start, rule.end
        assert start is not None
        assert end is not None
        merged.append(Rule(group[0].horizontal, place, start, end))
    return merged


def _cells(across: Sequence[Rule], down: Sequence[Rule]) -> list[Box]:
    """The smallest boxes whose four sides are ruled and whose corners are crossings."""
    crossings = {(down[j].place, across[i].place): (i, j) for i, j in _crossing(across, down)}
    by_column: dict[int, list[float]] = {}
    by_row: dict[int, list[float]] = {}
    for (x, y), (i, j) in crossings.items():
        by_column.setdefault(j, []).append(y)
        by_row.setdefault(i, []).append(x)
    for places in (*by_column.values(), *by_row.values()):
        places.sort()
    found = []
    for (x, y), (i, j) in crossings.items():  # as the upper left corner
        right_of = bisect_right(by_row[i], x)
        rights = by_row[i][right_of : right_of + _WIDEST_SPAN]
        below = bisect_left(by_column[j], y)
        lows = by_column[j][max(0, below - _WIDEST_SPAN) : below][::-1]
        box = next(
            (
                Box(x, low, right, y)
                for low in lows
                for right in rights
                if (right, low) in crossings
                and crossings[right, low][1] == crossings[right, y][1]
                and crossings[right, low][0] == crossings[x, low][0]
            ),
            None,
        )
        if box is not None:
            found.append(box)
    return found


def _crossing(across: Sequence[Rule], down: Sequence[Rule]) -> list[list[int]]:
    """[i, j] of all that meet, all at once: of the hundred thousand pairs of a page few do."""
    _, y, left, right = np.array(across).T[:, :, None]
    _, x, bottom, top = np.array(down).T
    meet = (left - _SNAP <= x) & (x <= right + _SNAP) & (bottom - _SNAP <= y) & (y <= top + _SNAP)
    pairs: list[list[int]] = np.argwhere(meet).tolist()
    return pairs


def _connected(cells: Sequence[Box]) -> Iterator[list[Box]]:
    """Cells by the table they are in: those that share a corner are in one."""
    by_corner: dict[tuple[float, float], list[int]] = {}
    for index, cell in enumerate(cells):
        for corner in _corners(cell):
            by_corner.setdefault(corner, []).append(index)
    seen: set[int] = set()
    for index in range(len(cells)):
        if index in seen:
            continue
        seen.add(index)
        waiting, table = [index], []
        while waiting:
            cell = cells[waiting.pop()]
            table.append(cell)
            for corner in _corners(cell):
                for other in by_corner.pop(corner, ()):
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
        yield table


def _corners(cell: Box) -> Iterator[tuple[float, float]]:
    yield cell.left, cell.bottom
    yield cell.left, cell.top
    yield cell.right, cell.bottom
    yield cell.right, cell.top


def _grid_table(cells: Sequence[Box], words: Sequence[Piece]) -> Table | None:
    """The words in the cells of a grid; None where it is a frame or a form rather than a table."""
    tops = sorted({cell.top for cell in cells}, reverse=True)
    lefts = sorted({cell.left for cell in cells})
    if len(tops) < 2 or len(lefts) < 2:
        return None
    frame = around(cells)
    inside: dict[Box, list[Piece]] = {}
    for word in words:
        left, bottom, right, top = word.box
        x, y = (left + right) / 2, (bottom + top) / 2
        if not (frame.bottom <= y <= frame.top and frame.left <= x <= frame.right):
            continue
        for cell in cells:
            left, bottom, right, top = cell
            if bottom <= y <= top and left <= x <= right:
                inside.setdefault(cell, []).append(word)
                break
    rows: list[Cells] = [[[] for _ in lefts] for _ in tops]
    for cell, found in inside.items():
        ordered = [word for line in lines_of(found) for word in line]
        rows[tops.index(cell.top)][lefts.index(cell.left)] += ordered
    table = Table(without_empty(rows))
    return table if is_table(table) and not _is_coarse(table) else None


def _is_coarse(table: Table) -> bool:
    """Whether cells hold figures below or beside one another: the rules frame parts of a table."""
    cells = (lines_of(cell) for row in table.rows for cell in row if len(cell) > 1)
    return any(_stacked_figures(lines) or _figures_apart(lines) for lines in cells)


def _figures_apart(lines: Sequence[Line]) -> bool:
    return any(
        sum(map(is_figure, pieces)) >= 2
        for line in lines
        if len(pieces := pieces_of(line, WIDEST_SPACE)) > 2
    )


def _stacked_figures(lines: Sequence[Line]) -> bool:
    figures = [line for line in lines if all(is_figure(word) for word in line)]
    return len(figures) >= 2 and len(figures) > len(lines) // 2
