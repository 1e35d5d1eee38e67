"""The rules folder: YAML files in, a checked configuration or diagnostics out."""
