"""Whether a home keeps the contract: checks are functions of values, reading stands apart from them."""
