"""`python -m bot` is `ghostbot`."""

from bot.cli import main

main()
