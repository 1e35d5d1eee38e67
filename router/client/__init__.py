"""The client: sends events to a running router."""
