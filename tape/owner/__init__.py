"""The owner of a home: the one process that has the database open read-write, and its workers."""
