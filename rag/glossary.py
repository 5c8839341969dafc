"""What a question calls by one name and the documents by another. Pure.

A question about capital expenditures is answered by "purchases of property, plant and equipment",
one about a quick ratio by a balance sheet that never says so. Neither words nor a small embedder
find the one by the other. Entries here are of statements of account, in English; a library's own
come from its settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_BALANCE = (
    "consolidated balance sheets total assets total current assets total current liabilities total"
    " liabilities"
)
_INCOME = (
    "consolidated statements of income operations earnings net sales revenue cost of goods sold"
    " gross profit operating income net income per share"
)
_CASH_FLOWS = (
    "consolidated statements of cash flows net cash provided by operating activities investing"
    " activities financing activities"
)
# What is asked for, as a regular expression -> what statements call it, and which statement has it.
_OF_ACCOUNTS: Mapping[str, str] = {
    r"balance sheets?|total assets|liabilit(?:y|ies)": _BALANCE,
    r"income statements?|p&l|profit and loss": _INCOME,
    r"cash flows?": _CASH_FLOWS,
    r"cap(?:ital)?[ -]?ex(?:penditures?)?|capital[ -]intensive": (
        f"purchases of property, plant and equipment {_CASH_FLOWS}"
    ),
    r"pp ?(?:&|n)? ?e": f"property, plant and equipment net {_BALANCE}",
    r"inventor(?:y|ies)": f"inventories {_BALANCE}",
    r"(?:quick|current) ratio|working capital": (
        f"cash and cash equivalents receivables inventories {_BALANCE}"
    ),
    r"gross (?:profit )?margins?|gross profit": _INCOME,
    r"operating (?:margins?|income)|ebit": _INCOME,
    r"net (?:profit )?margins?|net income": _INCOME,
    r"d&a|depreciation": f"depreciation and amortization {_CASH_FLOWS}",
    r"(?:effective )?tax rates?": "income tax provision effective tax rate",
    r"dividends?": f"dividends paid {_CASH_FLOWS}",
    r"cash (?:and|&) (?:cash )?equivalents": _BALANCE,
    r"(?:accounts )?payables?|dpo": f"accounts payable {_BALANCE}",
    r"receivables?|dso": f"accounts receivable {_BALANCE}",
    r"asset turnover|return on (?:assets|equity)|ro[ae]": f"{_BALANCE} {_INCOME}",
    r"ebitda": "reconciliation net income interest taxes depreciation amortization EBITDA",
}


class Glossary:
    """Adds what documents call a thing to what a question calls it.

    own: further entries, words -> the documents' words for them; compared whole and without case.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        entries = [*_OF_ACCOUNTS.items()]
        entries += [(re.escape(words), others) for words, others in (own or {}).items() if words]
        self._entries = [
            (re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE), others)
            for pattern, others in entries
        ]

    def added_to(self, question: str) -> str:
        """The documents' words for what the question names, each once; "" where it names none."""
        found = [others for pattern, others in self._entries if pattern.search(question)]
        return " ".join(dict.fromkeys(word for others in found for word in others.split()))
