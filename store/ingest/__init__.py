"""Ingest: reads events from the journal, stores them as rows, and counts what it does."""
