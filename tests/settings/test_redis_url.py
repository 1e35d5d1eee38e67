"""The URL of Redis: what is refused when settings are read, and what may be written."""

import re
from pathlib import Path

import pytest
import trustme

from router.settings.redis_url import check_redis_url

FORMS = "write redis://host:6379/0, rediss://… or unix:///…"
OPTIONS = (
    "the options are: db, client_name, ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs,"
    " ssl_check_hostname"
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with ca.pem, client.pem, client.key and text.pem, which is no certificate."""
    authority = trustme.CA()
    client = authority.issue_cert("client.example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    (tmp_path / "text.pem").write_text("hello")
    return tmp_path


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://127.0.0.1/",
        "redis://user:p%2Fw@[::1]:6379/15",
        "redis://:secret@/0",
        "redis://host?db=3&client_name=router",
        "unix:///run/redis.sock?db=1",
        "unix://user:password@/run/redis.sock",
        "rediss://host?ssl_cert_reqs=none",
        "rediss://host?ssl_ca_certs={files}/ca.pem&ssl_check_hostname=false",
        "rediss://host?ssl_certfile={files}/client.pem&ssl_keyfile={files}/client.key",
    ],
)
def test_what_may_be_written(url: str, files: Path) -> None:
    check_redis_url(url.format(files=files))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("localhost:6379", f"is not a Redis URL, {FORMS}"),
        ("sentinel://a,b/service", "with Sentinel redis+sentinel://host1,host2/service/0"),
        ("redis://h:99999/0", "has no valid host and port"),
        ("redis://:pass/word@h/0", "/ ? # and @ in a password are %2F %3F %23 %40"),
        ("redis://user:12/word@h/0", "/ ? # and @ in a password are"),
        ("redis://user:12?word@h/0", "/ ? # and @ in a password are"),
        ("redis://h/zero", "has the database 'zero', expected a number"),
        ("redis://h/0/1", "has the database '0/1', expected a number"),
        ("redis://h/0#1", "has a #, write it as %23"),
        ("redis://h/0?db=1", "has its database twice, in the path and as db"),
        ("redis://h/?db=1&db=2", "has the option 'db' twice, write it once"),
        ("redis://h?client_name=a%20b", "expected letters, digits and signs of ASCII, no spaces"),
        ("redis://h?client_name=%C3%BC", "expected letters, digits and signs of ASCII, no spaces"),
        ("redis://a,b:6379/0", "names several hosts, which is for Sentinel: redis+sentinel://"),
        ("redis://a..b", "has no valid host and port"),
        ("redis://a b", "has no valid host and port"),
        ("redis://" + 64 * "x", "has no valid host and port"),
        ("unix://run/redis.sock", "names no socket, write unix:///run/redis.sock"),
        ("redis://h/0?db=x", "has db=x, expected a number"),
        (
            "redis://h/0?decode_responses=True",
            f"the option 'decode_responses', which is not supported, {OPTIONS}",
        ),
        ("redis://h/0?timeout=99", "the option 'timeout', which is not supported"),
        ("redis://h/0?ssl_ca_certs=/x", "has the option ssl_ca_certs, which needs TLS"),
        (
            "rediss://h/0?ssl_ca_certs=/nonexistent",
            "has ssl_ca_certs=/nonexistent, which cannot be read: No such file or directory",
        ),
        ("rediss://h/0?ssl_ca_certs={files}/text.pem", "text.pem, which cannot be used"),
        ("rediss://h/0?ssl_certfile={files}/client.pem", "write both"),
        (
            "rediss://h/0?ssl_certfile={files}/client.pem&ssl_keyfile={files}/text.pem",
            "client.pem, which cannot be used",
        ),
        ("rediss://h/0?ssl_cert_reqs=no", "expected one of required, optional, none"),
        ("unix://", "names no socket"),
    ],
)
def test_what_is_refused(url: str, problem: str, files: Path) -> None:
    """Case O16: each is one line at the start, without user and password."""
    with pytest.raises(ValueError, match=re.escape(problem.format(files=files))) as refused:
        check_redis_url(url.format(files=files))

    assert "word" not in str(refused.value).replace("password", "")
