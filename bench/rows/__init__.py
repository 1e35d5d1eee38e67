"""What is measured: one module for a row of the table, or for a few that belong together."""
