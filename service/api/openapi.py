"""The OpenAPI document: FastAPI writes it from the models, and this adds the bodies that endpoints read themselves."""

import json
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, get_args

from fastapi import FastAPI
from pydantic import BaseModel

from service import errors
from service.api.problem_examples import problem_examples
from service.api.problems import PROBLEM_JSON
from service.api.wire.verify_wire import Problem
from service.choices import QualityPolicy

_SCHEMAS = "#/components/schemas/"

DEADLINE: Mapping[str, Any] = MappingProxyType(
    {
        "parameters": [
            {
                "name": "X-Deadline-Seconds",
                "in": "header",
                "required": False,
                "description": "For how many seconds the caller waits; IDA_DEADLINE_SECONDS if absent, and at most.",
                "schema": {"type": "number", "exclusiveMinimum": 0},
            }
        ]
    }
)
"""The part of an operation that describes the header by which a request that computes says when it is given up."""


QUERY_OF_OCTETS: tuple[dict[str, Any], ...] = tuple(
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": f"With a body of application/octet-stream alone: {says}",
        "schema": schema,
    }
    for name, says, schema in (
        ("dimension", "values of one embedding, as /info tells; required.", {"type": "integer", "minimum": 1}),
        ("method", "as in JSON.", {"type": "string", "maxLength": 64}),
        ("operating_point", "as in JSON.", {"type": "string", "maxLength": 64}),
        ("quality_policy", "as in JSON.", {"type": "string", "enum": list(get_args(QualityPolicy))}),
    )
)
"""The part of an operation that describes how embeddings that come as bytes are compared."""


OCTETS = "application/octet-stream"
"""Type of a body that is bytes and nothing else."""


class DescribedApp(FastAPI):
    """An application whose OpenAPI document describes what its endpoints read and answer, and nothing else.

    Attributes:
        closed_paths: those that take a key, where the service asks for one.
    """

    closed_paths: Collection[str] = ()

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once. Every model stands in it once, under the name of its class."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            _require_key(document, self.closed_paths)
            for path in document["paths"].values():
                for operation in path.values():
                    _without_validation_error(operation["responses"])
                    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                        for content in body.get("content", {}).values():
                            content["schema"] = _moved(content["schema"], schemas)
                            for example in content.get("examples", {}).values():
                                example["value"] = json.loads(example["value"])
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            document["components"]["schemas"] = dict(sorted(schemas.items()))
        return self.openapi_schema  # type: ignore[return-value]


def answers(
    *failures: type[errors.IdaError],
    examples: Mapping[str, Any] | None = None,
    status: int = 200,
    model: type[BaseModel] | None = None,
    image: str | None = None,
) -> dict[int | str, dict[str, Any]]:
    """Return the part of an operation that describes its answers, for ``responses`` of its decorator.

    Args:
        failures: what may go wrong; each needs its status in ``problems.STATUS``.
        examples: answers by what they show; None where there is no document to show.
        status: of these.
        model: of these, where the endpoint's own type says nothing of this status.
        image: the input that a failure of a face is about.
    """
    described: dict[int | str, dict[str, Any]] = {
        code: {
            "description": ", ".join(f"`{name}`" for name in shown),
            "content": {PROBLEM_JSON: {"schema": _schema(Problem), "examples": _named(shown)}},
        }
        for code, shown in problem_examples(failures, image).items()
    }
    if examples is not None:
        described[status] = {"content": {"application/json": {"examples": _named(examples)}}}
        if model is not None:
            described[status]["model"] = model
    return described


def json_or_form(
    document: type[BaseModel],
    examples: Mapping[str, Any],
    *,
    form: type[BaseModel] | None = None,
    octets: bool = False,
    required: bool = True,
) -> dict[str, Any]:
    """Return the part of an operation that describes a body which the endpoint reads itself, for ``openapi_extra``.

    Args:
        document: what a JSON document must be.
        examples: documents by what they show.
        form: what a multipart form must be; None where none is taken.
        octets: whether bytes alone are taken too.
        required: whether there must be a body.
    """
    content = {"application/json": {"schema": _schema(document), "examples": _named(examples)}}
    if form is not None:
        schema = _schema(form)
        for field in schema["properties"].values():
            if "anyOf" in field:  # or null, which a form cannot say
                field.update(field.pop("anyOf")[0])
        content["multipart/form-data"] = {"schema": schema}
    if octets:
        content[OCTETS] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": required, "content": content}}


def or_octets(described: dict[int | str, dict[str, Any]], description: str) -> dict[int | str, dict[str, Any]]:
    """Return the answers of an operation, the first of which may also be bytes."""
    first = described[200]
    octets = {OCTETS: {"schema": {"type": "string", "format": "binary", "description": description}}}
    return {**described, 200: {**first, "content": {**first["content"], **octets}}}


def upload(description: str) -> dict[str, Any]:
    """Return the part of an operation that describes a body of bytes."""
    schema = {"type": "string", "format": "binary"}
    content = {OCTETS: {"schema": schema}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def _require_key(document: dict[str, Any], paths: Collection[str]) -> None:
    if not paths:
        return
    scheme = {"type": "http", "scheme": "bearer", "description": "A key of IDA_API_KEYS_FILE."}
    document["components"].setdefault("securitySchemes", {})["ApiKey"] = scheme
    for path in document["paths"].keys() & set(paths):
        for operation in document["paths"][path].values():
            operation["security"] = [{"ApiKey": []}]


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")


def _named(examples: Mapping[str, Any]) -> dict[str, Any]:
    # As text until the document is made: FastAPI would leave out what is null.
    return {name: {"value": json.dumps(value)} for name, value in examples.items()}


def _moved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Put the schema of a model among the document's, with those it refers to; return a reference to it."""
    if "properties" not in schema:
        return schema
    for name, found in {**schema.pop("$defs", {}), schema["title"]: schema}.items():
        schemas.setdefault(name, found)
    return {"$ref": _SCHEMAS + schema["title"]}


def _without_validation_error(responses: dict[str, Any]) -> None:
    """Take away what FastAPI adds where there are parameters: a fault in one is answered as any other."""
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref") == f"{_SCHEMAS}HTTPValidationError":
        del responses["422"]
