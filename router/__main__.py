"""Run the command line with ``python -m router``."""

from router.cli import main

main()
