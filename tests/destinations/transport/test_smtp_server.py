import base64

import pytest

from router.datatypes import Secret
from router.destinations.transport.smtp_server import SmtpServer, parse_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail", SmtpServer("mail", 25, False, False, "", Secret(""))),
        ("smtps://mail", SmtpServer("mail", 465, True, False, "", Secret(""))),
        ("smtp+starttls://mail", SmtpServer("mail", 587, False, True, "", Secret(""))),
        ("smtps://u%40x:p%2F%3A@mail:1", SmtpServer("mail", 1, True, False, "u@x", Secret("p/:"))),
        ("smtp://u:p@127.0.0.1:9", SmtpServer("127.0.0.1", 9, False, False, "u", Secret("p"))),
    ],
)
def test_urls(url, server):
    assert parse_url(Secret(url)) == server


def test_the_password_is_not_in_the_servers_repr():
    assert "p4ss" not in repr(parse_url(Secret("smtps://u:p4ss@mail")))
    assert base64.b64encode(b"p4ss").decode() not in repr(parse_url(Secret("smtps://u:p4ss@mail")))
