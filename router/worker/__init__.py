"""Workers: they poll queues, evaluate batches and make deliveries."""
