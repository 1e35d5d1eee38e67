"""How often parts of a tree are evaluated: a let once, the body of a macro in each iteration."""

from router.cel.tree import Let, Macro, Node


def body_size(body: Node) -> int:
    """Return how many nodes one iteration visits. A let counts as one node: it is evaluated once."""
    size = 0
    pending = [body]
    while pending:
        node = pending.pop()
        size += 1
        pending += () if isinstance(node, Let) else node.children()
    return size


def shared_lets(root: Node) -> set[int]:
    """Return the ids of the bodies of lets that are used more than once, or in a macro's body."""
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
