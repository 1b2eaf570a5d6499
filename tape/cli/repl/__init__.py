"""Asking in a session: statements and commands, typed or piped in, and what helps to type them."""
