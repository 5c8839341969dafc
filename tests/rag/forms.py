"""Documents that state the fields of forms, and what is found of a field in one."""

from __future__ import annotations

from typing import Any

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.stated_fields import find_stated
from tests.rag.passages import make_hit

DATE = {"type": "string", "format": "date"}
NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}
TRUTH = {"type": "boolean"}
INVOICE = (
    "Invoice\n\nBill to: Oakfield Dental Practice, 3 Church Lane, Truro\n\n"
    "Invoice number: BW-2231\nInvoice date: 14 March 2026\nDue date: 13 April 2026\n\n"
    "| Description | Quantity | Unit price | Amount |\n| --- | --- | --- | --- |\n"
    "| Boiler service | 1 | £180.00 | £180.00 |\n| Valve | 4 | £32.50 | £130.00 |\n"
    "| Total |  |  | £310.00 |\n\n"
    "Subtotal: £310.00\nVAT (20%): £62.00\nTotal due: £372.00\n"
)
LEASE = (
    "This agreement is made between Marta Lindqvist (the Landlord) and Tomas Okafor and Priya Raman"
    " (the Tenants). The lease begins on 1 March 2026 and runs for 24 months. The rent is £1,450"
    " per month, and notice is three months. Keeping pets in the flat is not permitted. The"
    " managing agent is Forth Lettings, who can be reached at repairs@forth.example."
)


def stated(text: str, name: str, schema: dict[str, Any], description: str = "") -> Any:
    field = SchemaField((name,), schema, description)
    found = find_stated(field, Evidence([make_hit(text)]))
    return found[0].value if found else None
