"""JSON Schemas of the objects of operators that the chart makes, with the fields that it uses.

A field that is not here is one that the chart does not need, or a typing error. Sources:
https://prometheus-operator.dev/docs/api-reference/api/,
https://keda.sh/docs/latest/reference/scaledobject-spec/, https://keda.sh/docs/latest/scalers/prometheus/,
https://gateway-api.sigs.k8s.io/reference/spec/.
"""

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT: Final = {"type": "integer", "minimum": 0}
# Prometheus, "Configuration", <duration>.
_DURATION: Final = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$"}


def _closed(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


def _resource(api_version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = _closed(
        "name namespace labels", name=_TEXT, namespace=_TEXT, labels=_TEXTS, annotations=_TEXTS
    )
    return _closed(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_SERVICE_MONITOR: Final = _closed(
    "selector endpoints",
    namespaceSelector=_closed("matchNames", matchNames=_list(_TEXT)),
    selector=_closed("matchLabels", matchLabels=_TEXTS),
    podTargetLabels=_list(_TEXT),
    endpoints=_list(
        _closed("port", port=_TEXT, path=_TEXT, interval=_DURATION, scrapeTimeout=_DURATION)
    ),
)
_RULE: Final = {
    **_closed("expr", expr=_TEXT, labels=_TEXTS, annotations=_TEXTS, alert=_TEXT, record=_TEXT),
    "oneOf": [{"required": ["alert"]}, {"required": ["record"]}],
}
_RULE["properties"] = {**_RULE["properties"], "for": _DURATION, "keep_firing_for": _DURATION}
_PROMETHEUS_RULE: Final = _closed(
    "groups",
    groups=_list(_closed("name rules", name=_TEXT, interval=_DURATION, rules=_list(_RULE))),
)
_TRIGGER: Final = _closed(
    "type metadata",
    type={"const": "prometheus"},
    metricType={"enum": ["AverageValue", "Value"]},
    metadata=_closed(
        "serverAddress query threshold",
        serverAddress=_TEXT,
        query=_TEXT,
        threshold={"type": "string", "pattern": "^[0-9.]+$"},
        ignoreNullValues={"enum": ["true", "false"]},
    ),
    authenticationRef=_closed("name", name=_TEXT),
)
_SCALED_OBJECT: Final = _closed(
    "scaleTargetRef triggers",
    scaleTargetRef=_closed("name", apiVersion=_TEXT, kind=_TEXT, name=_TEXT),
    minReplicaCount=_COUNT,
    maxReplicaCount=_COUNT,
    pollingInterval=_COUNT,
    cooldownPeriod=_COUNT,
    triggers=_list(_TRIGGER),
)
_HTTP_ROUTE: Final = _closed(
    "parentRefs rules",
    parentRefs=_list(_closed("name", name=_TEXT, namespace=_TEXT, sectionName=_TEXT)),
    hostnames=_list(_TEXT),
    rules=_list(
        _closed(
            "matches backendRefs",
            matches=_list(
                _closed(
                    "path",
                    path=_closed("type value", type={"enum": ["Exact", "PathPrefix"]}, value=_TEXT),
                )
            ),
            backendRefs=_list(_closed("name port", name=_TEXT, port={"type": "integer"})),
        )
    ),
)

CUSTOM_RESOURCES: Final = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _SERVICE_MONITOR,
    ("monitoring.coreos.com/v1", "PrometheusRule"): _PROMETHEUS_RULE,
    ("keda.sh/v1alpha1", "ScaledObject"): _SCALED_OBJECT,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _HTTP_ROUTE,
}


def custom_resource_schema(api_version: str, kind: str) -> dict[str, Any] | None:
    """Return the schema of an operator's object; None for an object of Kubernetes."""
    spec = CUSTOM_RESOURCES.get((api_version, kind))
    return None if spec is None else _resource(api_version, kind, spec)
