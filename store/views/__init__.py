"""The macros and views of ``sql/``: their files, their loading into a database, and the meaning of their columns."""
