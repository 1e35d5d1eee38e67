"""Events: CloudEvents as they are decoded, their limits and their schemas."""
