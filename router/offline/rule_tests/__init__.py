"""``router test``: rules proved by examples. Given these events at these times, expect these alerts.

``model`` is the file format, ``reading`` makes it of YAML with every fault at its place, ``running``
rehearses the rules and compares, ``report`` says it to people and programs.
"""
