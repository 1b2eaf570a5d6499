"""Queries on the store of a home, through its owner or from the file."""
