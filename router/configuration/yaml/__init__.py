"""YAML with positions: documents, scalars and syntax errors."""
