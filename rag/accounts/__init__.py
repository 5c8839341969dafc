"""Questions about statements of account -> answers that are calculated from cited rows, by code.

A language model of a billion parameters reads a balance sheet wrong more often than right, and
divides worse; a row and a column can be looked up. Knows no model, no store and no search.
"""
