"""The HTTP server: connections, health endpoints and the API description."""
