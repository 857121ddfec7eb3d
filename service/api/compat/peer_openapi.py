"""What the OpenAPI document says of other people's requests: their bodies, and their errors in their own shape."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.api.openapi import DEADLINE, json_or_form

_STATUSES = (400, 401, 403, 404, 408, 412, 413, 415, 422, 429, 500, 503, 504)


def peer_body(document: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an operation that describes a body in JSON, or as a form of the same fields."""
    described = json_or_form(document, {"an example": dict(example)})
    content = described["requestBody"]["content"]
    content["multipart/form-data"] = {"schema": content["application/json"]["schema"]}
    return {**DEADLINE, **described}


def peer_json(document: type[BaseModel], example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an operation that describes a body in JSON."""
    return {**DEADLINE, **json_or_form(document, {"an example": dict(example)})}


def peer_responses(error: type[BaseModel], example: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return the part of an operation that describes its errors, which a peer says in its own way."""
    # As text until the document is made, as all examples.
    examples = {"an error": {"value": json.dumps(dict(example))}}
    return {status: {"model": error, "content": {"application/json": {"examples": examples}}} for status in _STATUSES}


def peer_form(form: type[BaseModel]) -> dict[str, Any]:
    """Return the part of an operation that describes a form, multipart or in urlencoding."""
    schema = form.model_json_schema()
    for field in schema["properties"].values():
        if "anyOf" in field:  # or null, which a form cannot say
            field.update(field.pop("anyOf")[0])
    content = {kind: {"schema": schema} for kind in ("multipart/form-data", "application/x-www-form-urlencoded")}
    return {**DEADLINE, "requestBody": {"required": True, "content": content}}
