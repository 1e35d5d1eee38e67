"""Run the command line with ``python -m router``."""

from router.launch import run

run()
