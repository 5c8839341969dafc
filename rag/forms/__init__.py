"""Forms: what a schema's field wants, and where documents state it in plain words.

Knows no model, no store and no search.
"""
