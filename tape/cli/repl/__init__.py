"""An interactive session: statements and commands, typed or piped, and help for typing them."""
