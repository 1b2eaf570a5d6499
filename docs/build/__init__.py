"""The pages of ``docs/`` that are made from the code and the database: ``python -m docs.build DIR``."""
