"""What all zipped formats share: a check of the unpacked size, and safe parsing of their XML."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from ingest.errors import CorruptFile, FileTooLarge
from ingest.loaders.limits import LoadLimits

if TYPE_CHECKING:
    from lxml.etree import _Element as Element


def check_unpacked_size(archive: zipfile.ZipFile, limits: LoadLimits) -> None:
    """Raises FileTooLarge for an archive that unpacks to more than the limit."""
    # zipfile never reads past the size that the directory declares, so this bounds what follows.
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > limits.max_unpacked_bytes:
        raise FileTooLarge(
            f"unpacks to {unpacked / 1e6:,.0f} MB, more than"
            f" {limits.max_unpacked_bytes / 1e6:,.0f} MB; split it."
        )


def parse_xml(data: bytes) -> Element:
    """The root of a part. Resolves no entities, fetches nothing. Raises CorruptFile."""
    from lxml import etree

    try:
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise CorruptFile(
            "is damaged: the XML in it cannot be read; open it in the program that made it, save"
            " it again and add that."
        ) from error


def stated_count(element: Element, attribute: str, *, most_digits: int) -> int:
    """A count that an element states; 1 where it states none, or one of more digits."""
    stated = element.get(attribute) or "1"
    return int(stated) if stated.isdecimal() and len(stated) <= most_digits else 1
