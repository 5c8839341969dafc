"""Who wrote what of an e-mail."""

from __future__ import annotations

import mailbox
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.chunking import chunk_document
from ingest.documents import Document
from ingest.loaders import load
from ingest.loaders.mail_quotes import without_quote_marks, writers

PAT = "On Wed, 5 Mar 2025 at 16:40, Pat Quill <pat@quill.example> wrote:"
LENA = "Lena Voss <lena@voss.example>"


def mail(text: str, subject: str = "Worktop") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, LENA, "pat@quill.example"
    message.set_content(text)
    return message


def sections(document: Document) -> list[str]:
    chunks = chunk_document(document, count_tokens=lambda text: len(text.split()))
    return [path for chunk in chunks for _, path in chunk.sections]


def test_what_is_quoted_stands_under_who_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(mail(f"We take oak.\n\n{PAT}\n> Oak is 980 pounds.\n> > Hello").as_bytes())
    document = load(path, name="a.eml")
    (page,) = document.pages
    assert page.text.endswith(f"We take oak.\n\n{PAT}\n\nOak is 980 pounds.\n\nHello")
    assert sections(document) == ["", PAT]


def test_where_the_writer_goes_on_is_said() -> None:
    text = without_quote_marks(f"{PAT}\n> Oak?\nYes.\n> Granite?\n> Or slate?\nNo.\n", LENA)
    turn = f"{LENA} wrote:"
    assert text == (f"{PAT}\n\nOak?\n\n{turn}\n\nYes.\n\nGranite?\nOr slate?\n\n{turn}\n\nNo.\n")
    assert [text[h.start : h.end] for h in writers(text, LENA)] == [PAT, turn, turn]


@pytest.mark.parametrize(
    "line",
    [
        "On Tue, 4 Mar 2025 at 08:03, A Very Long Name\n<a.very.long.name@voss.example> wrote:",
        "Am 05.03.2025 um 16:40 schrieb Pat Quill <pat@quill.example>:",
        "Le 5 mars 2025 à 16:40, Pat Quill <pat@quill.example> a écrit :",
        "El mié, 5 mar 2025 a las 16:40, Pat (<pat@quill.example>) escribió:",
        "From: Pat Quill\nSent: Wednesday, 5 March 2025 16:40\nTo: Lena",
    ],
)
def test_ways_to_say_who_wrote(line: str) -> None:
    text = f"Hi\n\n{line}\n\nOak."
    (heading,) = writers(text, "")
    assert line.startswith(text[heading.start : heading.end])
    assert "\n" not in line or text[heading.end] in "\n"


@pytest.mark.parametrize(
    "text", ["On reflection I wrote:\nx", "From: Pat\nto: Lena\n", "On 5 May:"]
)
def test_other_lines_say_nothing_of_it(text: str) -> None:
    assert list(writers(text, "")) == []


def test_a_mail_of_a_mailbox_does_not_stand_under_the_one_before(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "a.mbox")
    box.add(mail(f"Yes.\n\n{PAT}\n> Oak?"))
    box.add(mail("See you at nine.", "Lunch"))
    box.close()
    assert sections(load(tmp_path / "a.mbox", name="a.mbox")) == [
        "Subject: Worktop",
        f"Subject: Worktop > {PAT}",
        "Subject: Lunch",
    ]


@pytest.mark.parametrize("text", ["> " * 100_000, "On 1 " * 50_000, "On 1 a b c d e f\n" * 20_000])
def test_it_takes_linear_time(text: str) -> None:
    started = time.monotonic()
    list(writers(without_quote_marks(text, LENA), LENA))
    assert time.monotonic() - started < 10
