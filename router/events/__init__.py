"""CloudEvents: decoding, limits and schemas."""
