"""Settings: the process configuration, read from ROUTER_* environment variables."""
