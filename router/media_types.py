"""The media types of bodies that the router reads or writes.

Sources: RFC 8259 (JSON), the URL Standard (forms), RFC 7578 (multipart forms), and "HTTP Protocol Binding
for CloudEvents" 1.0.2, sections 3.2 and 3.3.
"""

from typing import Final

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART_FORM: Final = "multipart/form-data"
CLOUDEVENT: Final = "application/cloudevents+json"
CLOUDEVENT_BATCH: Final = "application/cloudevents-batch+json"
