"""How much of a telephone number, a SIP user or a client identity a message shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.rendering.masked_parties import mask_parties, mask_party


@pytest.mark.parametrize(
    ("party", "shown"),
    [
        ("+442079461234", "+4420…1234"),
        ("+15551230001", "+155…0001"),
        ("+4930123456", "+49…3456"),
        ("+12345678", "+…5678"),
        ("12345", "…5"),
        ("whatsapp:+442079461234", "whatsapp:+4420…1234"),
        ("sip:alice@pbx.example.com:5060;transport=tls", "sip:a…@pbx.example.com:5060"),
        ("sip:+442079461234@pbx.example.com", "sip:+4420…1234@pbx.example.com"),
        ("sips:bob@10.0.0.1", "sips:b…@10.0.0.1"),
        ("client:alice.smith", "client:a…"),
        ("alice.smith", "a…"),
        ("alice@example.com", "a…@example.com"),
        ("Anonymous", "Anonymous"),
        ("MG00000000000000000000000000000001", "MG00000000000000000000000000000001"),
        ("", "…"),
    ],
)
def test_a_party_is_shown_in_part(party: str, shown: str) -> None:
    assert mask_party(party) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Call of +442079461234 to +15551230001", "Call of +4420…1234 to +155…0001"),
        ("Call +1 (415) 555-0100 back", "Call +141…0100 back"),
        ("Call +44 20 7946 1234, please", "Call +4420…1234, please"),
        ("Weekly Standup", "Weekly Standup"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"),
        ("CA00000000000000000000000000000001", "CA00000000000000000000000000000001"),
        ("INVITE sip:alice@example.com failed", "INVITE sip:a…@example.com failed"),
        ("1+12345678901", "1+12345678901"),
    ],
)
def test_a_party_within_a_text_is_found(text: str, shown: str) -> None:
    assert mask_parties(text) == shown


@given(st.from_regex(r"\+[0-9]{7,15}", fullmatch=True))
def test_at_least_four_digits_of_a_number_are_left_out(number: str) -> None:
    shown = mask_party(number)
    assert len(number) - sum(map(str.isdigit, shown)) - 1 >= 4
    assert shown == mask_party(shown)
