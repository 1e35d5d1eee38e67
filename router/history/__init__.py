"""Events and deliveries that have ended, stored for a time and within a size."""
