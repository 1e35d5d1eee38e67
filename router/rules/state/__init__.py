"""State of rules: features, the steps of their chains, and the store that decides them.

Read ``step``, ``chain`` and ``feature`` first; ``features`` lists the features, one module and one
Lua file each. ``prelude.lua``, the features' Lua files and ``dispatch.lua`` are one script, which
``router.journal.rule_state`` runs; ``memory_store`` runs the same steps in Python.
"""
