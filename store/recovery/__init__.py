"""Backups of the database, and the rebuild of a damaged or lost one."""
