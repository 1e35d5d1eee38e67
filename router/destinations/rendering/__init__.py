"""Rendering: alerts as text, HTML, JSON and Slack blocks."""
