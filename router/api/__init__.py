"""The operator's HTTP API: what people and their scripts may ask of a running router."""
