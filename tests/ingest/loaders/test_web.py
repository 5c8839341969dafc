from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.errors import EmptyFile
from ingest.loaders import load
from ingest.loaders.web import html_to_text


def test_structure_becomes_plain_lines() -> None:
    _, text = html_to_text(
        "<html><head><title>ignored here</title></head><body><h1>Report <b>2023</b></h1>"
        "<p>First   paragraph,\nwrapped.</p><ul><li>one</li><li>two <i>words</i></li></ul>"
        "<ol start=3><li>third</li><li>fourth</li></ol><p>A<br>B</p></body></html>"
    )
    assert text == (
        "# Report 2023\n\nFirst paragraph, wrapped.\n\n- one\n- two words\n\n"
        "3. third\n4. fourth\n\nA\nB"
    )


def test_a_long_numbered_list_takes_linear_time() -> None:
    """Each item counted those before it: 30,000 took over two minutes and were given up."""
    _, text = html_to_text("<ol>" + "<li>item" * 100_000 + "</ol>")
    assert text.endswith("\n100000. item")


def test_table_cells_stay_in_their_columns() -> None:
    _, text = html_to_text(
        "<table><tr><th>Item<th>2022<th>2023</tr><tr><td>Sales<td><td>7</tr>"
        "<tr><td rowspan=2>Both<td colspan=2>wide</tr><tr><td>5<td>6</tr></table>"
    )
    assert text == "Item | 2022 | 2023\nSales |  | 7\nBoth | wide\nBoth | 5 | 6"


def test_a_hostile_span_costs_nothing() -> None:
    _, text = html_to_text("<table><tr><td colspan=999999999 rowspan=99999999>x</table>")
    assert text == "x"


def test_scripts_styles_and_hidden_text_are_left_out() -> None:
    title, text = html_to_text(
        "<title>T\n1</title><script>alert(1)</script><style>p{}</style><p hidden>no</p>"
        "<p style='display: none'>no</p><p>yes</p><!-- no --><noscript>no</noscript>"
    )
    assert (title, text) == ("T 1", "yes")


def test_code_keeps_its_lines() -> None:
    _, text = html_to_text("<p>Run:</p><pre>a = 1\n  b = 2</pre>")
    assert text == "Run:\n\na = 1\n  b = 2"


def test_the_declared_charset_is_believed_when_it_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes('<html><meta charset="koi8-r"><p>Привет, мир'.encode("koi8-r"))
    assert load(path, name="a.html").pages[0].text == "Привет, мир"


def test_inline_elements_that_html_does_not_know_do_not_break_lines() -> None:
    _, text = html_to_text("<html><body><p>Number <ix:n>000-30653</ix:n>.</p></body></html>")
    assert text == "Number 000-30653."


def test_other_xml_is_read_element_by_element() -> None:
    _, text = html_to_text(
        "<?xml version='1.0'?><rows><row><city>Ottawa</city><sport>Hockey</sport></row></rows>"
    )
    assert text == "Ottawa\n\nHockey"


def test_a_page_without_text_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<html><body><script>x()</script></body></html>")
    with pytest.raises(EmptyFile):
        load(path, name="a.html")


@pytest.mark.parametrize(
    "markup",
    ["<div>" * 50_000 + "deep", "<table><tr><td>" * 3_000 + "deep", "<b>" * 50_000 + "deep"],
    ids=["div", "table", "b"],
)
def test_deep_nesting_is_read_in_bounded_time(markup: str) -> None:
    started = time.monotonic()
    _, text = html_to_text(f"<html><body>{markup}</body></html>")
    assert "deep" in text or text == ""
    assert time.monotonic() - started < 20


def test_what_is_nested_deeper_than_the_parser_follows_is_read_flat() -> None:
    """A page of 5,000 divs in one another was said to have no text in it."""
    inside = "<script>no</script><h1>Port &amp; Quay</h1>\n<p>At <b>seven</b>.</p><input>Shut."
    page = f"<html><body>{'<div>' * 5000}{inside}{'</div>' * 5000}</body></html>"
    assert html_to_text(page) == ("", "Port & Quay\nAt seven.\nShut.")
