"""Which statements may be asked of the store, what they may cost, and how several see one state."""
