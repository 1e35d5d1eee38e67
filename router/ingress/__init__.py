"""What comes in: HTTP requests become committed events."""
