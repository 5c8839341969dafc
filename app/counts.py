"""Counts in words, for the command line and the page."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`3 pages`, `1 page`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
