"""Forms: what a field wants, where documents state it, and what is kept of a model's value.

Runs no model and no search. Data flows one way: a field and its words (field_kinds, asked_field);
the values of its kind (typed_values, read_value); where they stand (labelled_lines,
sentence_values, listed_values, table_records); what is taken of them (stated_fields, choices).
"""
