"""The JSONL logs of the contract: their lines, how they follow the rows of a store, and the files they lie in."""
