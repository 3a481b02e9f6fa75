"""Basware's published schemas as validators, for tests that compare our reading of the wire with theirs.

The schemas are Basware's and not part of this project: the variable BASWARE_OPENAPI names a local copy of the
OpenAPI document. Without it these tests are skipped.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VARIABLE = "BASWARE_OPENAPI"
_ROOT = "urn:basware"

needs_contract = pytest.mark.skipif(
    not os.environ.get(VARIABLE), reason=f"{VARIABLE} names no copy of Basware's OpenAPI document"
)


@cache
def schema_validator(name: str) -> Validator:
    """Validator of one named schema."""
    return _validator({"$ref": f"{_ROOT}#/components/schemas/{name}"})


def response_validator(method: str, path: str, status: int) -> Validator | None:
    """Validator of an answer's JSON body; None where the document gives this answer no body.

    `path` is a concrete path ("/v1/vendors/4711"). Raises LookupError for an answer that is not documented.
    """
    template = _template(method, path)
    responses = document()["paths"][template][method.lower()]["responses"]
    if str(status) not in responses:
        raise LookupError(f"{method} {template} does not document {status}")
    content = responses[str(status)].get("content")
    return _validator(content["application/json"]["schema"]) if content else None


def schema(name: str) -> dict[str, Any]:
    """One named schema as Basware wrote it."""
    found: dict[str, Any] = json.loads(_text())["components"]["schemas"][name]
    return found


@cache
def document() -> dict[str, Any]:
    """The whole document, in JSON Schema's words: `nullable` became a type, references became absolute."""
    converted: dict[str, Any] = _convert(json.loads(_text()))
    return converted


@cache
def _text() -> str:
    return Path(os.environ[VARIABLE]).read_text(encoding="utf-8")


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_ROOT, Resource(contents=document(), specification=DRAFT202012))


def _validator(wanted: dict[str, Any]) -> Validator:
    return Draft202012Validator(wanted, registry=_registry())


def _template(method: str, path: str) -> str:
    paths = document()["paths"]
    for template in sorted(paths, key=lambda each: each.count("{")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if method.lower() in paths[template] and re.fullmatch(pattern, path):
            return str(template)
    raise LookupError(f"{method} {path} is not documented")


def _convert(node: Any) -> Any:
    if isinstance(node, list):
        return [_convert(each) for each in node]
    if not isinstance(node, dict):
        return node
    converted = {name: _convert(value) for name, value in node.items() if name != "nullable"}
    if isinstance(converted.get("$ref"), str):
        converted["$ref"] = converted["$ref"].replace("#/", f"{_ROOT}#/", 1)
    return {"anyOf": [converted, {"type": "null"}]} if node.get("nullable") is True else converted
