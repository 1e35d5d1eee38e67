"""The URL of a Redis behind Sentinel: what it says, what is refused, and that it prints no secret."""

import msgspec
import pytest
import trustme

from router.datatypes import Secret
from router.settings.redis_url import check_redis_url
from router.settings.sentinel_url import (
    Credentials,
    NodeAddress,
    SentinelUrl,
    parse_sentinel_url,
)

FORM = "write redis+sentinel://user:password@host1:26379,host2/service/0"
ONE = (NodeAddress("a", 26379),)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://a/main", SentinelUrl(sentinels=ONE, service="main")),
        ("redis+sentinel://a/main/", SentinelUrl(sentinels=ONE, service="main")),
        ("redis+sentinel://a/main/3", SentinelUrl(sentinels=ONE, service="main", database=3)),
        (
            "redis+sentinel://a:1,b,[::1],[fe80::2]:4/my.main-1_x/0",
            SentinelUrl(
                sentinels=(
                    NodeAddress("a", 1),
                    NodeAddress("b", 26379),
                    NodeAddress("::1", 26379),
                    NodeAddress("fe80::2", 4),
                ),
                service="my.main-1_x",
            ),
        ),
        (
            "rediss+sentinel://a/main?client_name=router",
            SentinelUrl(
                sentinels=ONE,
                service="main",
                client_name="router",
                is_tls=True,
                tls_options={"ssl_check_hostname": True},
            ),
        ),
        (
            "rediss+sentinel://a/main?ssl_cert_reqs=none",
            SentinelUrl(
                sentinels=ONE,
                service="main",
                is_tls=True,
                tls_options={"ssl_cert_reqs": "none", "ssl_check_hostname": False},
            ),
        ),
        (
            "rediss+sentinel://a/main?ssl_check_hostname=false",
            SentinelUrl(
                sentinels=ONE,
                service="main",
                is_tls=True,
                tls_options={"ssl_check_hostname": False},
            ),
        ),
    ],
)
def test_what_a_url_says(url: str, expected: SentinelUrl) -> None:
    check_redis_url(url)
    assert parse_sentinel_url(url) == expected


@pytest.mark.parametrize(
    ("url", "server", "sentinel"),
    [
        ("redis+sentinel://a/m", ("", ""), ("", "")),
        ("redis+sentinel://:p@a/m", ("", "p"), ("", "")),
        ("redis+sentinel://u:p%40%2F%2C@a,b/m", ("u", "p@/,"), ("", "")),
        ("redis+sentinel://u:x:y,z@a/m", ("u", "x:y,z"), ("", "")),
        ("redis+sentinel://a/m?sentinel_password=q", ("", ""), ("", "q")),
        (
            "redis+sentinel://u:p@a/m?sentinel_username=v&sentinel_password=q%40+%2B",
            ("u", "p"),
            ("v", "q@ +"),
        ),
    ],
)
def test_servers_and_sentinels_have_credentials_of_their_own(
    url: str, server: tuple[str, str], sentinel: tuple[str, str]
) -> None:
    parsed = parse_sentinel_url(url)
    assert revealed(parsed.server_user) == server
    assert revealed(parsed.sentinel_user) == sentinel


def revealed(user: Credentials) -> tuple[str, str]:
    return user.username, "" if user.password is None else user.password.reveal()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis+sentinel://", f"has no valid host and port as sentinel number 1, {FORM}"),
        ("redis+sentinel:///main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://a", f"names no service of the sentinels, {FORM}"),
        ("redis+sentinel://a/?db=1", "names no service of the sentinels"),
        ("redis+sentinel://a,,b/main", "has no valid host and port as sentinel number 2"),
        ("redis+sentinel://a:99999/main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://a:0/main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://a:x/main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://[::1/main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://::1/main", "has no valid host and port as sentinel number 1"),
        ("redis+sentinel://u:pass/word@a/main", "has no valid hosts"),
        ("redis+sentinel://u:pass/word@a/main", "in a password are %2F %3F %23 %40"),
        ("redis+sentinel://u:pass?word@a/main", "in a password are %2F %3F %23 %40"),
        ("redis+sentinel://u:pass#word@a/main", "has a #, write it as %23"),
        ("redis+sentinel://a,b,a:26379/main", "names a sentinel twice, write each of them once"),
        (
            f"redis+sentinel://{','.join(f'h{each}' for each in range(17))}/main",
            "names 17 sentinels, at most 16 are supported",
        ),
        (
            "redis+sentinel://a/ma in/0",
            "has the service 'ma in', expected letters, digits, . _ and -",
        ),
        ("redis+sentinel://a/main/x", f"has the database 'x', expected a number: {FORM}"),
        ("redis+sentinel://a/main/0/1", "has the database '0/1', expected a number"),
        ("redis+sentinel://a/main?db=1", "has the option 'db', which is not supported"),
        ("redis+sentinel://a/main?timeout=1", "sentinel_username, sentinel_password, client_name"),
        (
            "redis+sentinel://a/main?ssl_ca_certs=/x",
            "has the option ssl_ca_certs, which needs TLS: write rediss+sentinel://",
        ),
        (
            "rediss+sentinel://a/main?ssl_ca_certs=/nonexistent",
            "has ssl_ca_certs=/nonexistent, which cannot be read: No such file or directory",
        ),
    ],
)
def test_what_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|names) ") as caught:
        check_redis_url(url)
    assert problem in str(caught.value)
    assert "pass" not in str(caught.value).replace("password", "")
    assert "word@" not in str(caught.value).replace("user:password@", "")


def test_certificates_are_for_servers_and_sentinels(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    url = parse_sentinel_url(f"rediss+sentinel://a/main?ssl_ca_certs={file}")
    assert url.tls_options == {"ssl_ca_certs": str(file), "ssl_check_hostname": True}


def test_no_secret_is_printed() -> None:
    url = parse_sentinel_url("redis+sentinel://u:hidden1@a/m?sentinel_password=hidden2")
    assert "hidden" not in f"{url} {url!r} {url.server_user} {url.sentinel_user}"
    assert Secret("hidden1") not in msgspec.structs.astuple(url)


@pytest.mark.parametrize(
    ("address", "text"),
    [(NodeAddress("a", 1), "a:1"), (NodeAddress("::1", 26379), "[::1]:26379")],
)
def test_an_address_is_printed_as_it_is_written(address: NodeAddress, text: str) -> None:
    assert str(address) == text
