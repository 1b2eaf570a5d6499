-- Number of trades that an interval of a mean needs; with fewer trades, no mean is called a gain or a loss [1].
create macro least_trades() as 30;
