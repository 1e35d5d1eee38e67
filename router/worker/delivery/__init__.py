"""Delivery: attempts, retries, rate limits and circuit breakers for each destination."""
