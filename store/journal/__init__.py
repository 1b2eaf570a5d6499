"""The journal of producers: what they record is on disk before the store has seen it."""
