"""Tables of a PDF page without drawn lines: short pieces of text that stand below one another.

Pure: from positions to cells.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.heading_lines import is_in_capitals
from ingest.loaders.pdf_table_cells import Cells, Table, is_table, without_empty
from ingest.loaders.pdf_words import (
    CELL_GAP,
    WIDEST_SPACE,
    Box,
    Line,
    Piece,
    around,
    is_figure,
    pieces_of,
    space_width,
)

_FAR_BELOW = 3.0  # line heights without text end a table
_PROSE_WORDS = 4
_LONG_LINE_WORDS = 14
_SPACES_A_GAP = 2.5
_LETTER = re.compile(r"\w")
_LIST_MARK = re.compile(
    r"[•▪◦‣·●○■□–—*-]|\(?\d{1,2}(?:\.\d{1,2})*[.)]?|\(?(?:[a-zA-Z]|[ivx]{1,5})[.)]"
)
_PROSE_LINES = 5
_FULL = 0.8
_PROSE_SHARE = 0.6
_ALIGNED = 3.0
_ALIGNED_SHARE = 0.5
# Lines of one row are this much nearer than rows are; what is farther yet is a gap in the table.
_LEAST_RATIO, _MOST_RATIO = 1.2, 2.5
_ROWS_SHARE = 0.25
_MOST_COLUMNS = 60
# Of lists that stand abreast: titles that each has, and what share all are of the cells.
_FEWEST_TITLES, _MOST_TITLES = 2, 0.35
_MOST_ABREAST = 3  # columns; dates are one beside the second


def piece_lines(lines: Sequence[Line]) -> list[Line]:
    """Lines of words as lines of pieces; the gaps between these are wider than spaces are here."""
    cell_gap = min(WIDEST_SPACE, max(CELL_GAP, _SPACES_A_GAP * space_width(lines)))
    return [pieces_of(line, cell_gap) for line in lines]


def open_tables(lines: list[Line], bold: Container[int] = frozenset()) -> Iterator[Table]:
    """Tables among lines of pieces, top down. bold: where in the text bold lines begin."""
    for block in _blocks(lines):
        yield from (table for table in _tables_of(block) if not _are_lists_abreast(table, bold))


def _blocks(lines: list[Line]) -> list[list[Line]]:
    """Lines of pieces, cut apart where a column of prose stands beside something else."""
    blocks = [lines]
    for cluster in _same_left([p for line in blocks[0] for p in line]):
        if not _is_prose(cluster):
            continue
        box = around(p.box for p in cluster)
        for edge in (box.left - 1.0, box.right + 1.0):
            blocks = [part for block in blocks for part in _cut(block, edge, box)]
    return blocks


def _is_prose(pieces: Sequence[Piece]) -> bool:
    """Whether most lines of a column are full of words; labels of rows differ in length."""
    widest = max(p.box.right - p.box.left for p in pieces)
    full = [p for p in pieces if p.box.right - p.box.left >= _FULL * widest]
    return len(full) >= _PROSE_SHARE * len(pieces) and (
        median(len(p.spans) for p in full) >= _PROSE_WORDS
    )


def _same_left(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    group: list[Piece] = []
    for piece in sorted(pieces, key=lambda p: p.box.left):
        if group and piece.box.left - group[0].box.left > _ALIGNED:
            if len(group) >= _PROSE_LINES:
                yield group
            group = []
        group.append(piece)
    if len(group) >= _PROSE_LINES:
        yield group


def _cut(block: list[Line], x: float, beside: Box) -> Iterator[list[Line]]:
    """A block, its lines beside a box cut at x, if but few of them run across it."""
    near = [
        any(beside.bottom <= (p.box.bottom + p.box.top) / 2 <= beside.top for p in line)
        for line in block
    ]
    across = sum(
        any(p.box.left < x < p.box.right for p in line)
        for line, is_near in zip(block, near, strict=True)
        if is_near
    )
    both = sum(
        any(p.box.right <= x for p in line) and any(p.box.left >= x for p in line)
        for line, is_near in zip(block, near, strict=True)
        if is_near
    )
    if not both or across > 0.1 * sum(near):
        yield block
        return
    rest: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line, is_near in zip(block, near, strict=True):
        if not is_near:
            rest.append(line)
            continue
        left.append([p for p in line if (p.box.left + p.box.right) / 2 < x])
        right.append([p for p in line if (p.box.left + p.box.right) / 2 >= x])
    yield from (list(filter(None, part)) for part in (rest, left, right) if any(part))


def _tables_of(block: list[Line]) -> Iterator[Table]:
    """Tables among the lines of a block, top down."""
    for run in _runs(block):
        columns = _columns(run)
        if not 2 <= len(columns) <= _MOST_COLUMNS:
            continue
        rows = _rows([_placed_in(columns, line) for line in run])
        table = Table(without_empty(rows))
        if _is_open_table(table):
            yield table


def _runs(block: list[Line]) -> Iterator[list[Line]]:
    """Runs of lines most of which have several pieces; single ones only between those."""
    run: list[Line] = []
    waiting: list[Line] = []  # lines of one piece, which belong to the table if it goes on
    last: Piece | None = None
    for line in block:
        height = max(p.box.height for p in line)
        is_far = last is not None and last.box.bottom - line[0].box.top > _FAR_BELOW * height
        is_prose = max(len(p.spans) for p in line) > _LONG_LINE_WORDS
        if is_far or is_prose or len(waiting) > 2:
            yield run
            run, waiting = [], []
        if not is_prose:
            if len(line) > 1:
                run += [*(waiting if run else ()), line]
                waiting = []
            elif run:
                waiting.append(line)
        last = line[0]
    yield run


@dataclass(slots=True)
class _Column:
    left: float
    right: float


def _columns(run: Sequence[Line]) -> list[_Column]:
    """Where the columns are: the places that pieces share, those of the fullest lines first."""
    columns: list[_Column] = []
    for line in sorted((line for line in run if len(line) > 1), key=lambda line: -len(line)):
        for piece in line:
            over = [c for c in columns if _overlaps(c, piece)]
            if not over:
                columns.append(_Column(piece.box.left, piece.box.right))
            elif len(over) == 1:
                over[0].left = min(over[0].left, piece.box.left)
                over[0].right = max(over[0].right, piece.box.right)
    return sorted(columns, key=lambda c: c.left)


def _overlaps(column: _Column, piece: Piece) -> bool:
    return piece.box.left < column.right and column.left < piece.box.right


def _placed_in(columns: Sequence[_Column], line: Line) -> Cells:
    """The pieces of a line by column; one over several columns stands in the first of them."""
    cells: Cells = [[] for _ in columns]
    for piece in line:
        over = [i for i, column in enumerate(columns) if _overlaps(column, piece)]
        if not over:
            middle = (piece.box.left + piece.box.right) / 2
            over = [
                min(
                    range(len(columns)),
                    key=lambda i: abs((columns[i].left + columns[i].right) / 2 - middle),
                )
            ]
        cells[over[0]].append(piece)
    return cells


def _rows(lines: Sequence[Cells]) -> list[Cells]:
    """Lines as rows: a cell may run over several lines."""
    near = _near(lines)
    rows: list[Cells] = []
    for index, line in enumerate(lines):
        if rows and near[index - 1] and not _are_both_figures(rows[-1], line):
            for cell, more in zip(rows[-1], line, strict=True):
                cell += more
        else:
            rows.append([list(cell) for cell in line])
    return rows


def _near(lines: Sequence[Cells]) -> list[bool]:
    """Whether each line and the next are parts of one row, by how near they are."""
    gaps = []
    for one, other in pairwise(lines):
        above = around(p.box for cell in one for p in cell)
        below = around(p.box for cell in other for p in cell)
        gaps.append((above.bottom + above.top) / 2 - (below.bottom + below.top) / 2)
    if not gaps:
        return []
    limit = _tight_limit(gaps)
    tight = [gap < limit for gap in gaps]
    apart = [_are_both_figures(one, other) for one, other in pairwise(lines)]
    if 2 * sum(a for t, a in zip(tight, apart, strict=True) if t) > sum(tight):
        return [False] * len(gaps)  # rows are as near as lines; some are just farther apart
    return [t and not a for t, a in zip(tight, apart, strict=True)]


def _tight_limit(gaps: Sequence[float]) -> float:
    """What parts the distances of lines within rows from those between rows; 0 if nothing does."""
    ordered = sorted(gaps)
    best, limit = _LEAST_RATIO, 0.0
    between_rows = max(2, round(_ROWS_SHARE * len(ordered)))  # so many of the distances at least
    for low, high in pairwise(ordered[: len(ordered) - between_rows + 1]):
        if low > 0 and high / low > best and high <= _MOST_RATIO * ordered[0]:
            best, limit = high / low, (low + high) / 2
    return limit


def _are_both_figures(one: Cells, other: Cells) -> bool:
    return any(
        a and b and all(is_figure(p) for p in (*a, *b)) for a, b in zip(one, other, strict=True)
    )


def _is_open_table(table: Table) -> bool:
    """Whether it is a table, and not columns of prose or words that happen to be far apart."""
    if not is_table(table):
        return False
    if _is_list(table):
        return False
    columns = [[c for c in column if c] for column in zip(*table.rows, strict=True)]
    words = [median(sum(len(p.spans) for p in c) for c in column) for column in columns]
    if min(words) >= _PROSE_WORDS:
        return False
    if not all(any(_LETTER.search(p.text) for c in column for p in c) for column in columns):
        return False  # a list and its bullets
    pieces = [p for column in columns for cell in column for p in cell]
    single = sum(len(p.text) == 1 and not is_figure(p) for p in pieces)
    if single > _ALIGNED_SHARE * len(pieces):
        return False  # letters far apart, or written downwards
    cells = sum(map(len, columns))
    return sum(map(_most_aligned, columns)) >= _ALIGNED_SHARE * cells


def _are_lists_abreast(table: Table, bold: Container[int]) -> bool:
    """Whether two columns have sections of their own, as a curriculum vitae with a side bar has.

    Each has titles, in bold or capitals, some of them beside what is none of the other.
    """

    def is_title(cell: Sequence[Piece]) -> bool:
        return len(cell) == 1 and (cell[0].spans[0][0] in bold or is_in_capitals(cell[0].text))

    titles = [[is_title(cell) for cell in row] for row in table.rows]
    count = sum(map(sum, titles))
    cells = sum(bool(cell) for row in table.rows for cell in row)
    if count > _MOST_TITLES * cells or len(titles[0]) > _MOST_ABREAST:
        return False
    columns = range(len(titles[0]))
    own = [
        sum(row[i] for row in titles) >= _FEWEST_TITLES
        and any(row[i] and sum(row) == 1 for row in titles)
        for i in columns
    ]
    return sum(own) > 1


def _is_list(table: Table) -> bool:
    """Whether each row is a bullet or a number, or several, and what it stands before.

    A line of one cell is a heading of the list, or goes on from the line above.
    """
    rows = [[cell for cell in row if cell] for row in table.rows]
    return all(
        len(row) == 1 or (all(map(_is_list_mark, row[:-1])) and not _is_list_mark(row[-1]))
        for row in rows
    )


def _is_list_mark(cell: Sequence[Piece]) -> bool:
    return len(cell) == 1 and _LIST_MARK.fullmatch(cell[0].text) is not None


def _most_aligned(column: Sequence[Sequence[Piece]]) -> int:
    """How many cells of a column share their left or right edge or their middle."""
    boxes = [around(p.box for p in cell) for cell in column]
    edges = (
        [b.left for b in boxes],
        [b.right for b in boxes],
        [(b.left + b.right) / 2 for b in boxes],
    )
    most = max(map(_most_near, edges))
    return most if most > 1 else 0


def _most_near(places: Sequence[float]) -> int:
    """How many places are near one of them, itself counted, at most."""
    ordered = sorted(places)
    return max(
        bisect_right(ordered, place + _ALIGNED) - bisect_left(ordered, place - _ALIGNED)
        for place in ordered
    )
