"""Files in files: e-mails with their attachments, mailboxes, and archives in other files.

What is in a container becomes pages of its one document. (An archive that is added itself becomes a
document for each file in it: ingest.file_reading.)
"""

from __future__ import annotations

import email
import email.policy
import mailbox
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import cast

from ingest.documents import Document
from ingest.errors import CorruptFile, FileTooLarge
from ingest.loaders.archives import take_members
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.limits import Reading
from ingest.loaders.parts import LoadPart, Parts
from ingest.loaders.sniffing import FileKind
from ingest.loaders.web import html_to_text

_SHOWN_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MAX_NESTED_PARTS = 200


def load_zip(path: Path, reading: Reading, load_part: LoadPart) -> Document:
    """Read every member. Raises CorruptFile, EmptyFile, EncryptedFile, FileTooLarge."""
    parts = Parts(load_part, reading.budget())
    take_members(path, reading.limits, parts.add)
    return parts.document("", FileKind.ZIP)


def load_eml(path: Path, reading: Reading, load_part: LoadPart) -> Document:
    """Read an e-mail and its attachments. Raises CorruptFile, EmptyFile, FileTooLarge."""
    with path.open("rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    parts = Parts(load_part, reading.budget())
    _add_message(message, parts)
    return parts.document(_header(message, "Subject"), FileKind.EML)


def load_mbox(path: Path, reading: Reading, load_part: LoadPart) -> Document:
    """Read every e-mail of a mailbox. Raises EmptyFile, FileTooLarge."""
    parts = Parts(load_part, reading.budget())
    box = mailbox.mbox(path, create=False)
    try:
        for key in box.iterkeys():
            data = box.get_bytes(key)
            message = email.message_from_bytes(data, policy=email.policy.default)
            _add_message(message, parts, is_of_many=True)
    finally:
        box.close()
    return parts.document("", FileKind.MBOX)


def load_msg(path: Path, reading: Reading, load_part: LoadPart) -> Document:
    """Read Outlook's own format. Raises CorruptFile, EmptyFile, FileTooLarge."""
    import io

    import oxmsg

    try:
        message = oxmsg.Message.load(str(path))
        is_marked = not message.body
        body = message.body or html_to_text(message.html_body or "")[1]
        head = [
            ("Subject", message.subject or ""),
            ("From", message.sender or ""),
            ("To", ", ".join(r.email_address for r in message.recipients)),
            ("Date", str(message.sent_date or "")),
        ]
        attachments = [(a.file_name or "attachment", a.file_bytes) for a in message.attachments]
    except (KeyError, ValueError, AttributeError, TypeError, OSError) as error:
        raise CorruptFile("is damaged: its message cannot be read; save it as .eml.") from error
    parts = Parts(load_part, reading.budget())
    lines = [f"{name}: {one_line(value)}" for name, value in head if value]
    parts.mail(
        "\n".join(lines), clean_text(body).strip(), message.sender or "", is_marked=is_marked
    )
    for name, data in attachments:
        parts.add(name, io.BytesIO(data or b""))
    return parts.document(one_line(message.subject or ""), FileKind.MSG)


def _add_message(message: EmailMessage, parts: Parts, *, is_of_many: bool = False) -> None:
    import io

    headers = [(name, _header(message, name)) for name in _SHOWN_HEADERS]
    head = "\n".join(f"{name}: {value}" for name, value in headers if value)
    body, is_marked = _body(message)
    if head or body:
        writer = _header(message, "From")
        parts.mail(head, body, writer, is_marked=is_marked, is_of_many=is_of_many)
    for number, (name, data) in enumerate(_attachments(message)):
        if number >= _MAX_NESTED_PARTS:
            raise FileTooLarge(f"has more than {_MAX_NESTED_PARTS} attachments; split it.")
        parts.add(name, io.BytesIO(data))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return one_line(clean_text(str(message.get(name) or "")))
    except (ValueError, IndexError, AttributeError, TypeError):  # the parser of broken headers
        return ""


def _body(message: EmailMessage) -> tuple[str, bool]:
    """Its text, and whether that has marks for its headings."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return "", False
    try:
        text = str(part.get_content())
    except (LookupError, ValueError, AttributeError):  # an encoding that is none
        payload = part.get_payload(decode=True)
        text = payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
    is_html = part.get_content_type() == "text/html"
    if is_html:
        text = html_to_text(text)[1]
    return clean_text(text).strip(), is_html


def _attachments(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in message.iter_attachments():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner:
                yield "message.eml", cast(EmailMessage, inner[0]).as_bytes()
            continue
        if part.get_content_maintype() == "image" and part.get_content_disposition() == "inline":
            continue  # a logo
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            yield part.get_filename() or "attachment", data
