"""EPUB -> one page a chapter, in the order of its spine, by the HTML loader."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from urllib.parse import unquote

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, EmptyFile, EncryptedFile
from ingest.loaders.characters import one_line
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import split_sections
from ingest.loaders.web import decode_html, html_to_text
from ingest.loaders.zipped import check_unpacked_size, parse_xml

_CONTAINER = "META-INF/container.xml"
_ROOT_FILE = ".//{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF = "{http://www.idpf.org/2007/opf}"
_TITLE = ".//{http://purl.org/dc/elements/1.1/}title"
_CHAPTERS = ("application/xhtml+xml", "text/html")


def load_epub(path: Path, reading: Reading) -> Document:
    """Read a book. Raises CorruptFile, EmptyFile, EncryptedFile, FileTooLarge."""
    budget = reading.budget()
    pages: list[Page] = []
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, reading.limits)
            if "META-INF/rights.xml" in archive.namelist():
                raise EncryptedFile("is protected (DRM) and cannot be read.")
            root = parse_xml(archive.read(_CONTAINER)).find(_ROOT_FILE)
            place = "" if root is None else root.get("full-path") or ""
            package = parse_xml(archive.read(place))
            title = one_line(package.findtext(_TITLE) or "")
            items = {item.get("id"): item for item in package.iter(f"{_OPF}item")}
            for reference in package.iter(f"{_OPF}itemref"):
                item = items.get(reference.get("idref"))
                if item is None or item.get("media-type") not in _CHAPTERS:
                    continue
                target = posixpath.join(posixpath.dirname(place), unquote(item.get("href") or ""))
                try:
                    markup = archive.read(posixpath.normpath(target))
                except KeyError:  # a chapter that is listed and not there
                    continue
                _, text = html_to_text(decode_html(markup))
                budget.spend(text)
                pages += [Page(None, section) for section in split_sections(text)]
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise CorruptFile("is damaged and cannot be unpacked; get a fresh copy.") from error
    if not pages:
        raise EmptyFile("has no text in it.")
    return Document(title=title, media_type=FileKind.EPUB.value, pages=tuple(pages))
