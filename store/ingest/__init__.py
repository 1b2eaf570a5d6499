"""The way of an event from the journal into rows, and what is counted on that way."""
