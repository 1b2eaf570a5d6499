-- x to six decimals, the exact binary value half to even, as Python's round(x, 6) does it.
create macro round_6(x) as cast(format('{:.6f}', x) as double);
