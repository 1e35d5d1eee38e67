"""Mutation testing: finds faults that no test notices.

``make mutants`` copies the repository, changes one place of the copy, and runs the tests of the changed
module, then those of its package. A mutant that passes all of them survives: a test is missing, or the
change makes no difference.
"""
