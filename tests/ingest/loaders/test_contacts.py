from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from ingest.errors import UnreadableFile
from ingest.loaders import load

CARDS = """BEGIN:VCARD
VERSION:3.0
N:Brandt;Ilse;;;
FN:Ilse Brandt
ORG:Bakery Brandt;Sales
TITLE:Owner
TEL;TYPE=CELL:+49 170 5550123
TEL;TYPE=WORK,VOICE:+49 30 5550199
EMAIL;TYPE=INTERNET:ilse@brandt.example
ADR;TYPE=HOME:;;Lindenweg 8;Potsdam;;14467;Germany
BDAY:1962-05-19
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/
 BwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:Dev Patel
TEL;VALUE=uri;TYPE="voice,home":tel:+44-1632-960321
BDAY:--0519
NOTE:Allergic to nuts\\, vegetarian
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg M=C3=BCller
TEL;HOME:030 1234567
END:VCARD
"""


def test_each_contact_is_a_section_of_labelled_lines(tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_bytes(CARDS.replace("\n", "\r\n").encode())
    document = load(path, name=path.name)
    (page,) = document.pages
    assert document.media_type == "text/vcard"
    assert page.text.split("\n\n") == [
        "## Ilse Brandt",
        "Organisation: Bakery Brandt, Sales",
        "Position: Owner",
        "Telephone number (cell): +49 170 5550123",
        "Telephone number (work): +49 30 5550199",
        "E-mail address: ilse@brandt.example",
        "Address (home): Lindenweg 8, 14467 Potsdam, Germany",
        "Birthday: 19 May 1962",
        "## Dev Patel",
        "Telephone number (home): +44-1632-960321",
        "Birthday: --0519",
        "Note: Allergic to nuts, vegetarian",
        "## Jörg Müller",
        "Telephone number (home): 030 1234567",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCARD\n",
        "BEGIN:VCARD\nEND:VCALENDAR\n",
        "BEGIN:VCARD\nADR:x\nORG:\nTEL;TYPE=:\nEND:VCARD",
        "BEGIN:VCARD\n:\n;\n=\nEND:VCARD\nBEGIN:",
    ],
)
def test_damage_is_read_or_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.vcf"
    path.write_text(text)
    with suppress(UnreadableFile):
        assert load(path, name="a.vcf").pages
