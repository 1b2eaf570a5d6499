"""Copies of the database, and how a damaged or lost one is made again."""
