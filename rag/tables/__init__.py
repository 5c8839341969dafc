"""Tables of a document, read whole: rows compared, summed up and found by code, each cited.

A language model reads one row right and a column wrong. Knows no model, no store and no search.
"""
