"""``router test``: rules tested by examples. Given these events at these times, expect these alerts.

``model`` is the file format; ``reading`` reads it from YAML and reports every error with its position.
``running`` simulates the rules and compares; ``report`` formats the results.
"""
