"""The description as a page for people: each address with what it takes, an example to send, and what it answers.

Written by the service itself without script or style from elsewhere; the framework's own page loads its parts from a CDN.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from jinja2 import Environment

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
article { border-top: 1px solid; padding: 1rem 0; }
h2 { font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; } pre { overflow-x: auto; border: 1px solid; padding: .6rem; }
table { border-collapse: collapse; } td { padding: .1rem 1rem .1rem 0; vertical-align: top; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ told.info.title }} {{ told.info.version }}</title><style>{{ style }}</style></head>
<body><main><h1>{{ told.info.title }} {{ told.info.version }}</h1>
{% for part in told.info.description.split("\\n\\n") %}<p>{{ part }}</p>{% endfor %}
<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI {{ told.openapi }}).</p>
<nav><ul>
{% for one in operations %}<li><a href="#{{ one.id }}">{{ one.method }} {{ one.path }}</a>: {{ one.summary }}</li>{% endfor %}</ul></nav>
{% for one in operations %}<article id="{{ one.id }}"><h2><code>{{ one.method }} {{ one.path }}</code></h2><p>{{ one.about }}</p>
{% if one.example %}<p>Example:</p><pre>{{ one.example }}</pre>{% endif %}
<table>{% for status, about in one.answers %}<tr><td>{{ status }}</td><td>{{ about }}</td></tr>{% endfor %}</table></article>{% endfor %}
</main></body></html>
"""


def docs_page(told: dict[str, Any]) -> str:
    """The page of an OpenAPI description."""
    operations = [_operation(told, path, method, operation) for path, item in told["paths"].items() for method, operation in item.items()]
    page: str = Environment(autoescape=True).from_string(PAGE).render(told=told, operations=operations, style=STYLE)
    return page


def _operation(told: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "about": operation.get("description", ""),
        "example": _example(told, path, method, operation),
        "answers": [(status, answer["description"]) for status, answer in sorted(operation["responses"].items())],
    }


def _example(told: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    """A command that asks for it."""
    head = f"curl -X {method.upper()} http://127.0.0.1:8765{path} -H 'Authorization: Bearer KEY'"
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return f"{head} -F media=@clip.mp4 -F explain=true"
    if "application/json" not in content:
        return head
    examples = _examples(told, content["application/json"]["schema"])
    sent = json.dumps(examples, ensure_ascii=False).replace("'", "'\\''")
    return f"{head} -H 'Content-Type: application/json' -d '{sent}'"


def _examples(told: dict[str, Any], schema: dict[str, Any]) -> Any:
    """The schema's own example, else one of its fields' examples."""
    if "$ref" in schema:
        schema = told["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("examples"):
        return schema["examples"][0]
    return {name: part["examples"][0] for name, part in schema.get("properties", {}).items() if part.get("examples")}
