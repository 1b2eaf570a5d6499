"""The lineage of the values of a view: its formulas, their inputs, and the rows behind them."""
