-- Trades that an interval of a mean needs; with fewer no mean is called a gain or a loss [1].
create macro least_trades() as 30;
