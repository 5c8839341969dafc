"""How money is told from other figures: the signs and the names of currencies."""

from __future__ import annotations

import re

CURRENCY_SIGNS = "€$£¥₹"  # for the brackets of a pattern
MONEY = re.compile(
    rf"[{CURRENCY_SIGNS}]|\b(?:cents?|pence|euros?|dollars?|pounds?|eur|usd|gbp|chf|jpy)\b",
    re.IGNORECASE,
)
