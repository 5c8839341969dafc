"""How processes of ours talk over a pipe: eight bytes of length, big-endian, and that much JSON.

Plain data in UTF-8, so that nothing a document makes of its reader can run in who started it.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

HEADER = struct.Struct(">Q")
_MOST_BYTES = 1 << 28

Message = dict[str, Any]


def write_message(stream: IO[bytes], message: Message) -> None:
    """Send one message. Raises OSError when the other side is gone."""
    # surrogatepass: names of files need not be Unicode.
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def read_message(stream: IO[bytes], *, most: int = _MOST_BYTES) -> Message | None:
    """The next message; None where the stream ends first, or says one of more bytes than `most`."""
    header = stream.read(HEADER.size)
    size = HEADER.unpack(header)[0] if len(header) == HEADER.size else most + 1
    if size > most or len(data := stream.read(size)) < size:
        return None
    message: Message = json.loads(data)
    return message
