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
    """Every path of an OpenAPI schema: its method, what it does, and what it takes."""
    rows = [
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{_paragraphs(operation.get('description', ''))}{_fields(schema, operation)}</td></tr>"
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    return HTMLResponse(f"{_HEAD}{''.join(rows)}</table></html>")


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part)


def _fields(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    """A list of what an operation takes in its address and its body, "" where it takes nothing."""
    items = [
        _field(f"?{parameter['name']}", parameter["schema"], required=parameter["required"])
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolved(schema, content["schema"])
        required = body.get("required", ())
        for name, field in body.get("properties", {}).items():
            items.append(_field(name, field, required=name in required))
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _field(name: str, field: Mapping[str, Any], *, required: bool) -> str:
    kind = _kind(field) + (", required" if required else "")
    description = escape(field.get("description", ""))
    return f"<li><code>{escape(name)}</code> ({escape(kind)}) {description}</li>"


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Mapping[str, Any] = schema["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _kind(field: Mapping[str, Any]) -> str:
    """A field's type in words; null, which only says that it may be left out, is not one."""
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "anyOf" in field:
        return " or ".join(_kind(part) for part in field["anyOf"] if part.get("type") != "null")
    if "enum" in field:
        return " or ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}"
    return str(field.get("type", "anything"))
