"""What an address takes and answers, in the words of OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Dict, List, Type

from pydantic import BaseModel

from paddleseg_u2net.removal import FORMATS

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_TYPES = tuple(known.media_type for known in FORMATS.values())
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
_WHAT_IS_WRONG = {
    400: "A parameter, the form or the picture is wrong",
    403: "The key is missing or wrong, or the address is not allowed",
    408: "The client sent nothing for too long",
    413: "Too many bytes or pixels",
    415: "The body is of a type that is not read",
    422: "There is no object to crop to",
    503: "All places are taken, or the time is over; Retry-After says when to ask again",
}
_TOLD = {
    "X-Presence": "How sure it is that there is an object, 0 to 1",
    "X-Found": "true or false",
    "X-Box": "left,top,right,bottom of the object in the picture that came",
    "X-Area": "The object's share of that picture, 0 to 1",
    "X-Notes": "What else should be known",
    "X-Frame": "Which frame was taken, of a picture of several",
}


def answers(
    error: Dict[str, Any] = _ERROR,
    told: Dict[str, str] = _TOLD,
    types: Any = _TYPES,
    data: Any = None,
) -> Dict[Any, Dict[str, Any]]:
    """The answers of an address: a picture, or an error.

    Args:
        error: the form of errors.
        told: headers of a picture.
        types: of pictures.
        data: the form of an answer in JSON; None: there is none.
    """
    content: Dict[str, Any] = dict.fromkeys(types, _BINARY)
    if data is not None:
        content["application/json"] = {"schema": data}
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()
    }
    found: Dict[Any, Dict[str, Any]] = {
        200: {"description": "The finished picture", "content": content, "headers": headers}
    }
    for status, text in _WHAT_IS_WRONG.items():
        found[status] = {"description": text, "content": {"application/json": {"schema": error}}}
    return found


def _properties(parameters: Type[BaseModel]) -> Dict[str, Any]:
    found = parameters.model_json_schema()["properties"]
    return {
        name: {key: value for key, value in schema.items() if key != "title"}
        for name, schema in found.items()
    }


def sent(parameters: Type[BaseModel], files: Dict[str, Any], raw: bool = False) -> Dict[str, Any]:
    """The body of a request: a form of parameters and files; ``raw``: or the picture itself."""
    properties = {**files, **_properties(parameters)}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    texts = {name: value for name, value in properties.items() if value.get("format") != "binary"}
    plain = {**schema, "properties": texts}
    content = {
        "multipart/form-data": {"schema": schema},
        "application/x-www-form-urlencoded": {"schema": plain},
        "application/json": {"schema": plain},
    }
    if raw:
        content["image/*"] = _BINARY  # type: ignore[assignment]
    return {"required": True, "content": content}


def query(parameters: Type[BaseModel]) -> List[Dict[str, Any]]:
    """The same parameters in the address."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.pop("description", ""),
            "schema": schema,
        }
        for name, schema in _properties(parameters).items()
    ]
