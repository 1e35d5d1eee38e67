"""The schema of the rules folder as a validator, which is made and checked once: that takes 0.1 s."""

import functools

from jsonschema import Draft202012Validator

from router.configuration.json_schema import json_schema


@functools.cache
def rules_validator() -> Draft202012Validator:
    """Return the validator of what ``router schema rules`` prints."""
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
