"""Tables of a PDF page -> lines `a | b | c`, in the place where they stand.

A PDF knows characters and drawn lines, no tables. A table is either a grid of ruled lines, or
rows of short pieces of text that stand below one another with gaps between them. What is not in a
table keeps PDFium's order and text, and no character of a page is lost.

Pure: from positions to text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingest.page_layout import PageLayout, Rule

# A gap between words that is wider than this share of the line's height parts two cells. A space
# is a quarter of the font's size, seldom half in justified text.
_CELL_GAP = 0.75
_SAME_LINE = 0.5  # of the lower height: so much two words overlap that stand on one line
_WIDEST_SPACE = 1.6  # as a share of the line's height, where spaces are wide: justified typescript
_SIGN_GAP = 8.0  # to the figure that a currency's sign or a closing bracket belongs to
_FAR_BELOW = 3.0  # line heights without text end a table
_PROSE_WORDS = 4
_LONG_LINE_WORDS = 14
_SPACES_A_GAP = 2.5
_MOST_CELL_CHARACTERS = 400
# The work of a page is bounded: beyond this its text stays as it is. A newspaper page has 5,000.
_MOST_WORDS = 8000
_MOST_CROSSINGS = 40_000
_MOST_CELLS = 3000
_WIDEST_SPAN = 24  # rows or columns of one ruled cell
_CURRENCY = re.compile(r"[$€£¥]|US\$|C\$|A\$|HK\$|R\$")
_CLOSING = re.compile(r"[)%]+|\*+|\(\w\)")
# Hebrew to Arabic Extended, and their presentation forms.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_RIGHT_TO_LEFT_SHARE = 0.1
_LETTER = re.compile(r"\w")
_FIGURE = re.compile(r"[($€£¥<>~±+-]* ?\(?\d[\d.,:/ ]*[)%*]*|[—–-]+|n/?a|\.{2,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Box:
    """Left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words that stand next to one another on a line: spans of the page's text, and where."""

    spans: tuple[tuple[int, int], ...]
    box: Box
    text: str


_Line = list[_Piece]
_Cells = list[list[_Piece]]  # of one row, by column


@dataclass(slots=True)
class _Table:
    """Rows of cells; a cell is the pieces in it, in reading order."""

    rows: list[_Cells] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The text of a page as it is stored, before it is cleaned.

    origins: (len(text),) where each character stands in PageLayout.text; -1: it was added.
    """

    text: str
    origins: Sequence[int]


def text_with_tables(layout: PageLayout) -> WrittenPage:
    """The text of a page with its tables as rows; the text as it is where there are none."""
    tables = _tables(layout)
    if not tables:
        return WrittenPage(layout.text, range(len(layout.text)))
    return _written(layout.text, tables)


def _tables(layout: PageLayout) -> list[_Table]:
    if _is_right_to_left(layout.text):
        return []
    words = _words(layout)
    if len(words) > _MOST_WORDS:
        return []
    grids = list(_grids(layout.rules, words))
    taken = {span for table in grids for span in _spans_of(table)}
    free = [word for word in words if word.spans[0] not in taken]
    return grids + [t for block in _blocks(_lines(free)) for t in _open_tables(block)]


def _is_right_to_left(text: str) -> bool:
    """Whether a good part of the letters is written from the right: their tables are left alone."""
    return len(_RIGHT_TO_LEFT.findall(text)) > _RIGHT_TO_LEFT_SHARE * len(text)


# --- words, pieces, lines -----------------------------------------------------------------------


def _words(layout: PageLayout) -> list[_Piece]:
    """Runs of characters without white space or a jump between them."""
    words: list[_Piece] = []
    start = end = -1  # of the word that is being read
    box = Box(0.0, 0.0, 0.0, 0.0)
    for place, (character, sides) in enumerate(
        zip(layout.text, layout.boxes.tolist(), strict=True)
    ):
        here = Box(*sides)
        drawn = here.height > 0 and not character.isspace()
        if start >= 0 and drawn and _continues(box, here):
            end, box = place + 1, _around((box, here))
            continue
        if start >= 0:
            words.append(_Piece(((start, end),), box, layout.text[start:end]))
            start = -1
        if drawn:
            start, end, box = place, place + 1, here
    if start >= 0:
        words.append(_Piece(((start, end),), box, layout.text[start:end]))
    return words


def _continues(word: Box, character: Box) -> bool:
    """Whether a character stands where a word goes on."""
    overlap = min(word.top, character.top) - max(word.bottom, character.bottom)
    return (
        -word.height < character.left - word.right < _CELL_GAP * word.height
        and overlap > _SAME_LINE * min(word.height, character.height)
    )


def _lines(words: Iterable[_Piece]) -> list[_Line]:
    """Words by the line they stand on, top down, each line from the left."""
    lines: list[tuple[Box, _Line]] = []
    for word in sorted(words, key=lambda w: -(w.box.bottom + w.box.top)):
        box = word.box
        if lines:
            band, line = lines[-1]
            overlap = min(band.top, box.top) - max(band.bottom, box.bottom)
            if overlap > _SAME_LINE * min(band.height, box.height):
                line.append(word)
                continue
        lines.append((box, [word]))
    return [sorted(line, key=lambda w: w.box.left) for _, line in lines]


def _space(lines: Sequence[_Line]) -> float:
    """How wide a space is, as a share of the line's height: the median where words are near."""
    gaps = [
        (other.box.left - one.box.right) / max(one.box.height, 1.0)
        for line in lines
        for one, other in pairwise(line)
    ]
    near = [gap for gap in gaps if 0.0 < gap < _WIDEST_SPACE]
    return median(near) if near else 0.0


def _pieces(line: _Line, cell_gap: float) -> _Line:
    """The words of a line, those with less than the gap (in heights) between them joined."""
    joined: list[_Piece] = []
    for word in line:
        if joined and word.box.left - joined[-1].box.right < _joining_gap(
            joined[-1], word, cell_gap
        ) * max(word.box.height, joined[-1].box.height):
            joined[-1] = _joined(joined[-1], word)
        else:
            joined.append(word)
    return joined


def _joining_gap(one: _Piece, other: _Piece, cell_gap: float) -> float:
    """Below what gap, in heights, two neighbours are one: signs belong to a figure from afar."""
    to_figure = _CURRENCY.fullmatch(one.text) and _is_figure(other)
    from_figure = _CLOSING.fullmatch(other.text) and _is_figure(one)
    return _SIGN_GAP if to_figure or from_figure else cell_gap


def _joined(one: _Piece, other: _Piece) -> _Piece:
    a, b = one.box, other.box
    box = Box(
        min(a.left, b.left), min(a.bottom, b.bottom), max(a.right, b.right), max(a.top, b.top)
    )
    return _Piece((*one.spans, *other.spans), box, f"{one.text} {other.text}")


# --- grids of ruled lines -----------------------------------------------------------------------

_SNAP = 3.0  # points: lines this near are one line, ends this near meet
_MOST_RULES = 4000


def _grids(rules: Sequence[Rule], words: Sequence[_Piece]) -> Iterator[_Table]:
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
            taken = set(_spans_of(table))
            free = [word for word in free if word.spans[0] not in taken]


def _area(cells: Sequence[Box]) -> float:
    frame = _around(cells)
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
    crossings: dict[tuple[float, float], tuple[int, int]] = {}
    for i, a in enumerate(across):
        for j, d in enumerate(down):
            if (
                a.start - _SNAP <= d.place <= a.end + _SNAP
                and d.start - _SNAP <= a.place <= d.end + _SNAP
            ):
                crossings[d.place, a.place] = (i, j)
    by_column: dict[int, list[float]] = {}
    by_row: dict[int, list[float]] = {}
    for (x, y), (i, j) in crossings.items():
        by_column.setdefault(j, []).append(y)
        by_row.setdefault(i, []).append(x)
    found = []
    for (x, y), (i, j) in crossings.items():  # as the upper left corner
        rights = sorted(other for other in by_row[i] if other > x)[:_WIDEST_SPAN]
        lows = sorted((other for other in by_column[j] if other < y), reverse=True)[:_WIDEST_SPAN]
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


def _grid_table(cells: Sequence[Box], words: Sequence[_Piece]) -> _Table | None:
    """The words in the cells of a grid; None where it is a frame or a form rather than a table."""
    tops = sorted({cell.top for cell in cells}, reverse=True)
    lefts = sorted({cell.left for cell in cells})
    if len(tops) < 2 or len(lefts) < 2:
        return None
    frame = _around(cells)
    inside: dict[Box, list[_Piece]] = {}
    for word in words:
        x = (word.box.left + word.box.right) / 2
        y = (word.box.bottom + word.box.top) / 2
        if not (frame.left <= x <= frame.right and frame.bottom <= y <= frame.top):
            continue
        for cell in cells:
            if cell.left <= x <= cell.right and cell.bottom <= y <= cell.top:
                inside.setdefault(cell, []).append(word)
                break
    rows: list[_Cells] = [[[] for _ in lefts] for _ in tops]
    for cell, found in inside.items():
        ordered = [word for line in _lines(found) for word in line]
        rows[tops.index(cell.top)][lefts.index(cell.left)] += ordered
    table = _Table(_without_empty(rows))
    return table if _is_table(table) and not _is_coarse(table) else None


def _is_coarse(table: _Table) -> bool:
    """Whether cells hold figures below or beside one another: the rules frame parts of a table."""
    return any(_stacked_figures(cell) or _figures_apart(cell) for row in table.rows for cell in row)


def _figures_apart(cell: Sequence[_Piece]) -> bool:
    return any(
        sum(map(_is_figure, pieces)) >= 2
        for line in _lines(cell)
        if len(pieces := _pieces(line, _WIDEST_SPACE)) > 2
    )


def _stacked_figures(cell: Sequence[_Piece]) -> bool:
    lines = _lines(cell)
    figures = [line for line in lines if all(_is_figure(word) for word in line)]
    return len(figures) >= 2 and len(figures) > len(lines) // 2


def _around(boxes: Iterable[Box]) -> Box:
    boxes = list(boxes)
    return Box(
        min(b.left for b in boxes),
        min(b.bottom for b in boxes),
        max(b.right for b in boxes),
        max(b.top for b in boxes),
    )


def _without_empty(rows: list[_Cells]) -> list[_Cells]:
    rows = [row for row in rows if any(row)]
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows)] if rows else []
    return [[row[i] for i in used] for row in rows]


def _is_table(table: _Table) -> bool:
    """Two rows and columns at least, and cells that are no paragraphs."""
    if len(table.rows) < 2 or len(table.rows[0]) < 2:
        return False
    filled = [cell for row in table.rows for cell in row if cell]
    sizes = [sum(end - start for piece in cell for start, end in piece.spans) for cell in filled]
    return len(filled) >= 4 and max(sizes) <= 4 * _MOST_CELL_CHARACTERS and median(sizes) <= 120


# --- tables without rules -----------------------------------------------------------------------

_PROSE_LINES = 5
_FULL = 0.8
_PROSE_SHARE = 0.6
_ALIGNED = 3.0
_ALIGNED_SHARE = 0.5
# Lines of one row are this much nearer than rows are; what is farther yet is a gap in the table.
_LEAST_RATIO, _MOST_RATIO = 1.2, 2.5
_ROWS_SHARE = 0.25
_MOST_COLUMNS = 60


def _blocks(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Lines of pieces, cut apart where a column of prose stands beside something else."""
    cell_gap = min(_WIDEST_SPACE, max(_CELL_GAP, _SPACES_A_GAP * _space(lines)))
    blocks = [[_pieces(line, cell_gap) for line in lines]]
    for cluster in _same_left([p for line in blocks[0] for p in line]):
        if not _is_prose(cluster):
            continue
        box = _around(p.box for p in cluster)
        for edge in (box.left - 1.0, box.right + 1.0):
            blocks = [part for block in blocks for part in _cut(block, edge, box)]
    return blocks


def _is_prose(pieces: Sequence[_Piece]) -> bool:
    """Whether most lines of a column are full of words; labels of rows differ in length."""
    widest = max(p.box.right - p.box.left for p in pieces)
    full = [p for p in pieces if p.box.right - p.box.left >= _FULL * widest]
    return len(full) >= _PROSE_SHARE * len(pieces) and (
        median(len(p.spans) for p in full) >= _PROSE_WORDS
    )


def _same_left(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    for piece in sorted(pieces, key=lambda p: p.box.left):
        if group and piece.box.left - group[0].box.left > _ALIGNED:
            if len(group) >= _PROSE_LINES:
                yield group
            group = []
        group.append(piece)
    if len(group) >= _PROSE_LINES:
        yield group


def _cut(block: list[_Line], x: float, beside: Box) -> Iterator[list[_Line]]:
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
    rest: list[_Line] = []
    left: list[_Line] = []
    right: list[_Line] = []
    for line, is_near in zip(block, near, strict=True):
        if not is_near:
            rest.append(line)
            continue
        left.append([p for p in line if (p.box.left + p.box.right) / 2 < x])
        right.append([p for p in line if (p.box.left + p.box.right) / 2 >= x])
    yield from (list(filter(None, part)) for part in (rest, left, right) if any(part))


def _open_tables(block: list[_Line]) -> Iterator[_Table]:
    """Tables among the lines of a block, top down."""
    for run in _runs(block):
        columns = _columns(run)
        if not 2 <= len(columns) <= _MOST_COLUMNS:
            continue
        rows = _rows([_placed_in(columns, line) for line in run])
        table = _Table(_without_empty(rows))
        if _is_open_table(table):
            yield table


def _runs(block: list[_Line]) -> Iterator[list[_Line]]:
    """Runs of lines most of which have several pieces; single ones only between those."""
    run: list[_Line] = []
    waiting: list[_Line] = []  # lines of one piece, which belong to the table if it goes on
    last: _Piece | None = None
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


def _columns(run: Sequence[_Line]) -> list[_Column]:
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


def _overlaps(column: _Column, piece: _Piece) -> bool:
    return piece.box.left < column.right and column.left < piece.box.right


def _placed_in(columns: Sequence[_Column], line: _Line) -> _Cells:
    """The pieces of a line by column; one over several columns stands in the first of them."""
    cells: _Cells = [[] for _ in columns]
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


def _rows(lines: Sequence[_Cells]) -> list[_Cells]:
    """Lines as rows: a cell may run over several lines."""
    near = _near(lines)
    rows: list[_Cells] = []
    for index, line in enumerate(lines):
        if rows and near[index - 1] and not _are_both_figures(rows[-1], line):
            for cell, more in zip(rows[-1], line, strict=True):
                cell += more
        else:
            rows.append([list(cell) for cell in line])
    return rows


def _near(lines: Sequence[_Cells]) -> list[bool]:
    """Whether each line and the next are parts of one row, by how near they are."""
    gaps = []
    for one, other in pairwise(lines):
        above = _around(p.box for cell in one for p in cell)
        below = _around(p.box for cell in other for p in cell)
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


def _are_both_figures(one: _Cells, other: _Cells) -> bool:
    return any(
        a and b and all(_is_figure(p) for p in (*a, *b)) for a, b in zip(one, other, strict=True)
    )


def _is_figure(piece: _Piece) -> bool:
    return _FIGURE.fullmatch(piece.text) is not None


def _is_open_table(table: _Table) -> bool:
    """Whether it is a table, and not columns of prose or words that happen to be far apart."""
    if not _is_table(table):
        return False
    columns = [[c for c in column if c] for column in zip(*table.rows, strict=True)]
    words = [median(sum(len(p.spans) for p in c) for c in column) for column in columns]
    if min(words) >= _PROSE_WORDS:
        return False
    if not all(any(_LETTER.search(p.text) for c in column for p in c) for column in columns):
        return False  # a list and its bullets
    pieces = [p for column in columns for cell in column for p in cell]
    single = sum(len(p.text) == 1 and not _is_figure(p) for p in pieces)
    if single > _ALIGNED_SHARE * len(pieces):
        return False  # letters far apart, or written downwards
    cells = sum(map(len, columns))
    return sum(map(_most_aligned, columns)) >= _ALIGNED_SHARE * cells


def _most_aligned(column: Sequence[Sequence[_Piece]]) -> int:
    """How many cells of a column share their left or right edge or their middle."""
    boxes = [_around(p.box for p in cell) for cell in column]
    edges = (
        [b.left for b in boxes],
        [b.right for b in boxes],
        [(b.left + b.right) / 2 for b in boxes],
    )
    most = max(max(sum(abs(x - y) <= _ALIGNED for y in xs) for x in xs) for xs in edges)
    return most if most > 1 else 0


# --- writing ------------------------------------------------------------------------------------


def _spans_of(table: _Table) -> Iterator[tuple[int, int]]:
    for row in table.rows:
        for cell in row:
            for piece in cell:
                yield from piece.spans


def _written(text: str, tables: Sequence[_Table]) -> WrittenPage:
    """The text with each table in place of its first word."""
    first = {min(start for start, _ in _spans_of(table)): table for table in tables}
    gone = bytearray(len(text))
    for table in tables:
        for start, end in _spans_of(table):
            gone[start:end] = b"\1" * (end - start)
    written = _Writer(text)
    for position in range(len(text)):
        if position in first:
            written.add("\n")
            written.table(first[position])
            written.add("\n")
        if not gone[position]:
            written.copy(position, position + 1)
    return written.page()


class _Writer:
    """Text that is put together from pieces of another, of which it knows where they stood."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._origins: list[int] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._origins += [-1] * len(text)

    def copy(self, start: int, end: int) -> None:
        self._pieces.append(self._source[start:end])
        self._origins += range(start, end)

    def table(self, table: _Table) -> None:
        """A row a line, ` | ` between cells; of empty ones at its end, one at most."""
        for row in table.rows:
            last = max(index for index, cell in enumerate(row) if cell)
            for index, cell in enumerate(row[: last + 1]):
                if index:
                    self.add(" | ")
                for number, (start, end) in enumerate(s for piece in cell for s in piece.spans):
                    if number:
                        self.add(" ")
                    self.copy(start, end)
            self.add("\n" if last else " |\n")

    def page(self) -> WrittenPage:
        """All of it, without the empty lines that moved words leave behind."""
        text = "".join(self._pieces)
        pieces: list[str] = []
        origins: list[int] = []
        last = 0
        for found in _EMPTY_LINES.finditer(text):
            pieces += [text[last : found.start()], "\n\n"]
            origins += [*self._origins[last : found.start()], -1, -1]
            last = found.end()
        pieces.append(text[last:])
        origins += self._origins[last:]
        return WrittenPage("".join(pieces), origins)


_EMPTY_LINES = re.compile(r"[ \t]*(?:\r?\n[ \t]*){3,}")
