"""Transport: HTTP and SMTP clients, egress policy, signing and redaction."""
