"""What commands print: rich tables on a terminal and in pipes, JSON, CSV or Arrow where asked for."""
