"""The client: sends events to a running router, and connects Twilio's sinks to it."""
