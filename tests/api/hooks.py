"""
What JSON Schema cannot say, told to schemathesis (SCHEMATHESIS_HOOKS): a limit in bytes, where maxLength counts characters; a whole
number without a point, where JSON Schema takes 1.0 for an integer; and how a body that is no JSON is written.
"""
import json

import schemathesis


def resolved(schema, document):
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        schema = document["components"]["schemas"][name]
    return schema


def parts(schema, value, document):
    """(schema, value) of all that lies in a value, for each schema that may be meant."""
    if not isinstance(schema, dict):
        return
    schema = resolved(schema, document)
    yield schema, value
    for inner in schema.get("oneOf", []) + schema.get("anyOf", []) + schema.get("allOf", []):
        yield from parts(inner, value, document)
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from parts(inner, value[name], document)
    elif isinstance(value, list):
        first = schema.get("prefixItems", [])
        for number, inner in enumerate(value):
            yield from parts(first[number] if number < len(first) else schema.get("items"), inner, document)


def is_between(schema, value):
    """As many characters as are allowed, but more bytes."""
    most = schema.get("x-max-bytes")
    return most and isinstance(value, str) and len(value) <= most < len(value.encode("utf-8", "surrogatepass"))


def has_whole_float(value):
    if isinstance(value, float):
        return value.is_integer()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_whole_float, inner))


def given(case, operation):
    """(schema, value) of each parameter and of the body."""
    for parameter in operation["parameters"]:
        values = {"path": case.path_parameters, "query": case.query}.get(parameter.get("in")) or {}
        if parameter.get("name") in values:
            yield parameter["schema"], values[parameter["name"]]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield media["schema"], case.body


@schemathesis.hook
def filter_case(context, case):
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path].get(case.operation.method.lower())
    if has_whole_float(case.body):
        return False
    return operation is None or not any(is_between(*part) for schema, value in given(case, operation)
                                        for part in parts(schema, value, document))


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    lines = value if isinstance(value, list) else [value]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
