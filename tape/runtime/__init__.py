"""A trading runtime around the executor: its loop, its accounts, its panel, its replay."""
