"""The OpenAPI operations of the sources of the rules folder, as they are active now. No secret is in them."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from router.http.openapi import Operation, ResponseSpec
from router.ingress.openapi import RESPONSES
from router.media_types import FORM, JSON, MULTIPART_FORM
from router.sources.contract import VerifierConfig
from router.sources.signature_headers import SIGNATURE_HEADERS
from router.sources.spec import Reply, SourceSpec

_TEXT: Final = "text/plain"
_ANY: Final[Mapping[str, Any]] = {}
_FORM: Final[Mapping[str, Any]] = {"type": "object", "additionalProperties": True}
_BODY: Final[Mapping[str, Mapping[str, Any]]] = {
    JSON: _ANY,
    FORM: _FORM,
    MULTIPART_FORM: _FORM,
    _TEXT: {"type": "string"},
}
_HANDSHAKE: Final = "The answer to a handshake, whose request becomes no event."
_HTTP_SCHEMES: Final = ("basic", "bearer")
_MTLS: Final = "mtls"


class SourceOperations:
    """The operations of the active sources, made once for each configuration.

    Args:
        sources: Returns the active sources.
    """

    def __init__(self, sources: Callable[[], Sequence[SourceSpec]]) -> None:
        self._sources = sources
        self._of: Sequence[SourceSpec] = ()
        self._operations: tuple[Operation, ...] = ()

    def current(self) -> tuple[Operation, ...]:
        """Return the operations; the same object while the sources are the same."""
        sources = self._sources()
        if sources is not self._of:
            self._of, self._operations = sources, source_operations(sources)
        return self._operations


def source_operations(sources: Sequence[SourceSpec]) -> tuple[Operation, ...]:
    """Return an operation for each method of each source (pure)."""
    return tuple(_operation(spec, method) for spec in sources for method in spec.methods)


def _operation(spec: SourceSpec, method: str) -> Operation:
    of_preset = f" (preset {spec.preset})" if spec.preset else ""
    verified = f"Verified by {', '.join(spec.verify)}." if spec.verify else "Not verified."
    return Operation(
        id=f"{method.lower()}_source_{spec.name}",
        method=method,
        path=spec.path,
        tag="events",
        summary=f"Accept requests of the source {spec.name}{of_preset}",
        description=(
            f"{verified} At most {spec.events_per_request} events are made of a request. A verified"
            " request that cannot be mapped to events goes to quarantine."
        ),
        body=_BODY,
        body_required=False,
        responses=dict(sorted(_responses(spec).items())),
        schemes={
            f"{spec.name}.{name}": scheme
            for name, config in spec.verify.items()
            if (scheme := _scheme(name, config)) is not None
        },
    )


def _responses(spec: SourceSpec) -> dict[int, ResponseSpec]:
    found = {**RESPONSES, 401: ResponseSpec("The signature or the credentials are missing.")}
    if spec.accepted is not None:
        del found[HTTPStatus.ACCEPTED.value]
        found[spec.accepted.status] = ResponseSpec(
            "The events are durable.", {"type": "string"}, media_types=(_TEXT,)
        )
    for reply in spec.replies:
        found[reply.status] = _answer_or(found.get(reply.status), reply)
        if reply.visit is not None:
            found[HTTPStatus.FAILED_DEPENDENCY.value] = ResponseSpec(
                "The URL that confirms a subscription did not answer."
            )
    return found


def _answer_or(other: ResponseSpec | None, reply: Reply) -> ResponseSpec:
    """Return the answer to a handshake, beside what else has its status."""
    media_type = JSON if reply.json is not None else _TEXT
    if other is None:
        return ResponseSpec(_HANDSHAKE, _ANY, media_types=(media_type,))
    description = other.description
    if _HANDSHAKE not in description:
        description = f"{description} {_HANDSHAKE}"
    media_types = tuple(dict.fromkeys((*other.media_types, media_type)))
    return ResponseSpec(description, _ANY, media_types=media_types)


def _scheme(name: str, config: VerifierConfig) -> dict[str, Any] | None:
    """Return the security scheme of a verifier; None for one that asks the sender for nothing."""
    if name in _HTTP_SCHEMES:
        return {"type": "http", "scheme": name}
    if name == _MTLS:
        return {"type": "mutualTLS"}
    header = getattr(config, "header", None) or SIGNATURE_HEADERS.get(name)
    if header:
        return {"type": "apiKey", "in": "header", "name": header}
    query = getattr(config, "query", None)
    return {"type": "apiKey", "in": "query", "name": query} if query else None
