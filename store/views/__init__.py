"""The macros and views of ``sql/``: their files, how they get into a database, and what their columns mean."""
