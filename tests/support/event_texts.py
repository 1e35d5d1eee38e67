"""Event text that tries to become structure, in the syntax of each format that messages have."""

import random
from typing import Final

FRAGMENTS: Final = (
    # mail: lines, encoded words (CVE-2024-6923), addresses, boundaries
    *("\r\n", "\n", "\r", "\r\nBcc: x@evil.example", "\n\n<h1>", "\r\n.\r\n", "\0", "\x0b", "\x0c"),
    "=?utf-8?q?All_clear=0D=0AReply-To:_x@evil.example=0D=0A=0D=0A<h1>Call_now</h1>?=",
    *("=?utf-8?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=", "=?iso-8859-1?Q?=0A?=", "?=", "=?", "=0D=0A"),
    *('"x" <x@evil.example>', "<x@evil.example>", ", y@evil.example", "(comment)", "\\", '"', ";"),
    *("--=_router", "\n--", "Content-Type: text/html", "base64", "=20\n", "From ", "\nFrom x"),
    # HTML
    *(
        "<b>",
        "</b>",
        "<script>alert(1)</script>",
        "<img src=x onerror=y>",
        "<!--",
        "-->",
        "<![CDATA[",
    ),
    *(
        "'",
        "&amp;",
        "&lt;",
        "&#60;",
        "&",
        "<",
        ">",
        "</td></tr></table>",
        "</textarea>",
        "</title>",
    ),
    *("javascript:x", '" onmouseover="x', "{{ data.x }}", "{% for x in y %}", "${X}"),
    # chat and Markdown
    *("<!channel>", "<!here|x>", "<@U1>", "<#C1>", "<https://evil.example|ok>", "|", "@channel"),
    *("@here", "*", "_", "~", "`", "**", "__", "~~", "```", "\n```\n", "*a*", "_b_", "~c~", "`d`"),
    *("[ok](https://evil.example)", "![x](http://e.example/x.png)", "[x]: http://e.example", "]("),
    *(
        "\n# ",
        "\n> ",
        ">",
        "\n- ",
        "\n1. ",
        "\n---\n",
        "\n===\n",
        "| a | b |\n|---|---|\n",
        "\n    ",
    ),
    *(
        "http://evil.example",
        "https://evil.example/?a=b&c",
        "mailto:x@e.example",
        "www.evil.example",
    ),
    *(
        "<at>x</at>",
        "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
        "{{TIME(x)}}",
        ":smile:",
        "\\*",
        "\\\\",
    ),
    # JSON, URLs, headers, terminals
    *(
        '{"a":1}',
        "\\u0000",
        "\\n",
        '","x":"',
        "%0d%0a",
        "%2F",
        "..",
        "/../",
        "?",
        "#",
        "=",
        "+",
        " ",
    ),
    *("\x1b[2J", "\x1b]0;x\x07", "\x08", "\x7f", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066"),
    *("\ufeff", "\u200b", "\u200d", "\u00ad", "\ud800", "\udc80", "\ufffe", "\U000e0041", "\u0300"),
    *("é", "\u4e2d", "\U0001f600", "ß", "İ", "ǆ", "a", "b", "x" * 90, "0", "-", ":", ".", "\t"),
)

_LETTERS: Final = "".join(map(chr, range(0x20, 0x7F)))


def hostile_text(source: random.Random) -> str:
    """Return a text that begins and ends with a letter, so that no field is left out as empty."""
    parts = []
    for _ in range(source.randint(1, 14)):
        kind = source.random()
        if kind < 0.75:
            parts.append(source.choice(FRAGMENTS))
        elif kind < 0.95:
            parts.append(source.choice(_LETTERS))
        else:
            parts.append(chr(source.randint(0, 0x10FFFF)))
    return f"a{''.join(parts)}b"


def shrunk(text: str, fails: "object") -> str:
    """Return a shorter text for which ``fails`` still holds."""
    assert callable(fails)
    step = len(text) // 2
    while step:
        at = 0
        while at < len(text):
            shorter = text[:at] + text[at + step :]
            if shorter and fails(shorter):
                text = shorter
            else:
                at += step
        step //= 2
    return text
