"""The operator API over HTTP, and the pages behind the links in alerts."""
