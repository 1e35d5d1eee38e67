"""The settings of a process, read from ROUTER_* environment variables."""
