"""Ingress: HTTP requests and stream records become durable events."""
