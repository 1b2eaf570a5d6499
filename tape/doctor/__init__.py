"""Checks of a home against the contract; checks are functions of values, reading is separate."""
