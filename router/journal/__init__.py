"""The durable record in Redis: batches, deliveries, timers. arq's jobs contain only their ids."""
