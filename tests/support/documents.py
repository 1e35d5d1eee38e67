"""YAML documents for the tests of the readers, without files."""

from router.configuration.yaml.document import Entry, MapNode, Node, YamlDocument, read_yaml


def parse(text: str) -> tuple[YamlDocument, Node]:
    """Return the document of a text and its root node, which must be valid YAML."""
    document = YamlDocument("a.yaml", text)
    root = read_yaml(document)
    assert root is not None
    return document, root


def parse_entry(text: str) -> tuple[YamlDocument, Entry]:
    """Return the document of a text and the only entry of its root map."""
    document, root = parse(text)
    assert isinstance(root, MapNode)
    (entry,) = root.entries
    return document, entry


def problems(document: YamlDocument) -> list[str]:
    """Return the errors and warnings of a document as ``line:column: message (hint)``."""
    return [str(each).removeprefix("a.yaml:").strip() for each in document.diagnostics()]
