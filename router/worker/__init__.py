"""What is decided: arq workers judge batches and make deliveries."""
