"""The JSONL logs of the contract: their lines, how they follow the rows of a store, and their files."""
