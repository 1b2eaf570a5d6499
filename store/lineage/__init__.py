"""Where the values of a view come from: its formulas, their inputs, and the rows behind them."""
