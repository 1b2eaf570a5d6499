"""Explains a published number: its formulas, their inputs, and the rows behind it."""
