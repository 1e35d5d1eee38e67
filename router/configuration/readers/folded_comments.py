"""Find comments in CEL that end later than they seem to, because YAML folds lines."""

from router.cel.lexer import comments
from router.configuration.yaml.document import Scalar, YamlDocument


def report_folded_comment(
    document: YamlDocument, node: Scalar, text: str | None = None, start: int = 0
) -> bool:
    """Report a comment that swallows the lines below it; return whether there is one.

    YAML makes one line of the lines of a plain, quoted or folded (``>``) text. A comment in it then
    ends with the text, and the rest of the expression would be ignored without a word.

    Args:
        document: The document.
        node: The scalar with the expression.
        text: The part of the scalar's text that is the expression; None for the whole.
        start: The offset of that part.
    """
    text = node.text if text is None else text
    if "//" not in text:
        return False
    for begin, end in comments(text):
        span = document.part_span(node, start + begin, len("//"))
        last = begin + len(text[begin:end].rstrip()) - 1
        end_span = document.part_span(node, start + last)
        if document.line(end_span.start) > document.line(span.start):
            document.report(
                span,
                "this comment swallows the lines below it, because YAML joins them to one line",
                "write the expression below a `|`, which keeps its lines",
            )
            return True
    return False
