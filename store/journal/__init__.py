"""The journal: producers write events to disk here, before the store has read them."""
