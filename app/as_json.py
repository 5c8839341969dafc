"""Results as JSON: the fields of our dataclasses by their own names. One form for every edge."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any


def as_json(record: Any) -> dict[str, Any]:
    """A dataclass instance, and all it holds, as what `json.dumps` takes."""

    def convert(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: _plain(value) for name, value in pairs}

    return asdict(record, dict_factory=convert)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
