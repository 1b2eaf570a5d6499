"""The commands, by what they are for; ``tape/cli.py`` lists them."""
