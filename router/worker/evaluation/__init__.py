"""Evaluation: batches and timers become alerts and deliveries."""
