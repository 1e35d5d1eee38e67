"""What of a tree is computed how often: lets once, the body of a macro every turn."""

from router.cel.tree import Let, Macro, Node


def extent(body: Node) -> int:
    """How many nodes a turn visits; a let is computed once for all turns."""
    extent = 0
    pending = [body]
    while pending:
        node = pending.pop()
        extent += 1
        pending += () if isinstance(node, Let) else node.children()
    return extent


def shared_lets(root: Node) -> set[int]:
    """The bodies of lets, by identity, that stand more than once or in a loop."""
    seen: set[int] = set()
    shared: set[int] = set()
    pending = [(root, False)]
    while pending:
        node, in_loop = pending.pop()
        match node:
            case Let(body=body):
                if in_loop or id(body) in seen:
                    shared.add(id(body))
                if id(body) not in seen:
                    seen.add(id(body))
                    pending.append((body, False))
            case Macro(over=over):
                pending.append((over, in_loop))
                pending += [(each, True) for each in node.children() if each is not over]
            case _:
                pending += [(each, in_loop) for each in node.children()]
    return shared
