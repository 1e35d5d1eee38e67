"""The hooks of the documents' site: anchors, navigation, links into the repository, foreign hosts."""

import re

import pytest
from support.site_hooks import DOCS, hooks

PAGE = DOCS / "operate" / "redis.md"


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Twilio Event Streams", "twilio-event-streams"),
        ("`GET /healthz`, `/readyz`", "get-healthz-readyz"),
        ("Keys — and values", "keys--and-values"),
        ("snake_case and Ünicode", "snake_case-and-ünicode"),
    ],
)
def test_a_heading_has_the_anchor_that_github_gives_it(heading: str, anchor: str) -> None:
    assert hooks.slug(heading) == anchor


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Why was I not paged?", ["paged"]),
        ("how do I add a destination", ["add", "destination"]),
        ("a file (AOF), on disk.", ["file", "AOF", "disk"]),
        ("router_redis_memory_used_ratio data.to.carrier", None),
        ("anything", ["anything"]),
        ("To be or not", []),
    ],
)
def test_the_search_looks_for_the_words_that_say_something(
    text: str, words: list[str] | None
) -> None:
    found = [word for word in re.split(hooks.separator(), text) if word]
    assert found == (text.split() if words is None else words)


def test_a_pattern_stands_for_the_pages_that_are_not_named() -> None:
    nav = ["index.md", {"Decisions": ["decisions/README.md", "decisions/*.md"]}]
    pages = ["decisions/0001-a.md", "decisions/0002-b.md", "decisions/README.md", "index.md"]

    assert hooks.expand(nav, pages) == [
        "index.md",
        {"Decisions": ["decisions/README.md", "decisions/0001-a.md", "decisions/0002-b.md"]},
    ]


def test_a_page_that_fits_no_place_is_left_out() -> None:
    assert hooks.expand([{"Start": ["start/*.md"]}], ["how-to/a.md"]) == [{"Start": []}]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[alerts](../../deploy/alerts.yml)", "alerts (`deploy/alerts.yml`)"),
        ("[deploy/alerts.yml](../../deploy/alerts.yml)", "`deploy/alerts.yml`"),
        ("[`deploy`](../../deploy)", "`deploy`"),
        ("[settings](../reference/settings.md#a)", "[settings](../reference/settings.md#a)"),
        ("[elsewhere](https://example.com)", "[elsewhere](https://example.com)"),
        ("![picture](../images/email.png)", "![picture](../images/email.png)"),
        ("```\n[a](../../deploy)\n```\n", "```\n[a](../../deploy)\n```\n"),
    ],
)
def test_a_link_into_the_repository_becomes_its_path(written: str, shown: str) -> None:
    assert hooks.repository_links(written, PAGE) == shown


def test_a_link_to_no_file_is_an_error_that_names_it() -> None:
    with pytest.raises(FileNotFoundError, match=r"redis\.md: no file is at ../../missing"):
        hooks.repository_links("[a](../../missing.yml)", PAGE)


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://unpkg.com/mermaid"></script>',
        "<script async src=//example.com/a.js></script>",
        '<link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>',
        '<img alt="" src="http://example.com/a.png">',
        "@import 'https://example.com/a.css'",
        "a { background: url(//example.com/a.png) }",
    ],
)
def test_what_comes_from_another_host_is_seen(text: str) -> None:
    assert len(hooks.foreign_loads(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<script src="assets/a.js"></script>',
        '<a href="https://example.com">elsewhere</a>',
        '<link rel="canonical" href="https://docs.example.com/">',
        "a { background: url(a.png) }",
    ],
)
def test_what_comes_from_the_site_is_no_finding(text: str) -> None:
    assert hooks.foreign_loads(text) == []
