"""Queries: which statements are allowed, what they may cost, and how several queries see one state."""
