"""The API's reference as a page that loads nothing from elsewhere; made from the OpenAPI schema."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Paperlight API</title>
<style>
body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}
td{padding:.35rem .8rem;border-top:1px solid #ddd;vertical-align:top}
</style>
<h1>Paperlight API</h1>
<p>With API keys configured, send one as <code>Authorization: Bearer KEY</code>. Errors are
<code>{"error": {"message", "type", "param", "code"}}</code>. The schema of every body is in
<a href="openapi.json">openapi.json</a>.</p>
<table>"""


def reference_page(schema: Mapping[str, Any]) -> HTMLResponse:
    """Every path of an OpenAPI schema with its method and what it does."""
    rows = [
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', ''))}</td></tr>"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return HTMLResponse(f"{_HEAD}{''.join(rows)}</table></html>")
