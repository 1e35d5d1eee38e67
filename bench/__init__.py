"""Where the router stands, measured side by side; ``make bench`` runs it all.

``python -m bench [--short] [ROW ...]`` runs the rows, each a module of ``bench/rows``, and writes
``bench/results``: ``latest.json``, ``latest.md`` and plots. Rounds of the router and of its peers
alternate, the process under test has one core and the load generator, Redis and the receiver have
the other, a value is the median of the rounds, and CPU time is the operating system's own count.
Nothing leaves the machine.
"""
