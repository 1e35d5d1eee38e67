"""Load the rules folder: YAML files to a checked configuration, or diagnostics."""
