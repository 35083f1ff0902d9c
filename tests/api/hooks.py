"""
What JSON Schema cannot say, told to schemathesis (SCHEMATHESIS_HOOKS): a limit in bytes, where maxLength counts characters; a whole
number without a point, where JSON Schema takes 1.0 for an integer; what two values have to do with each other; and how a body
that is no JSON is written. Requests of which the document cannot say whether they are right are not made up.
"""
import csv
import io
import json
import urllib.parse

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
    """(schema, value) of each parameter and of the body. A part of the path comes as it is or, from a link, as it is written in a URL."""
    for parameter in operation["parameters"]:
        values = {"path": case.path_parameters, "query": case.query}.get(parameter.get("in")) or {}
        if parameter.get("name") in values:
            value = values[parameter["name"]]
            yield parameter["schema"], value
            if parameter["in"] == "path" and isinstance(value, str):
                yield parameter["schema"], urllib.parse.unquote(value)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield media["schema"], case.body


# ---- two values ----

def number(value):
    return int(value) if str(value).isdecimal() else None


def prices_cross(query):
    low, high = number(query.get("min_price")), number(query.get("max_price"))
    return low is not None and high is not None and low > high


def lacks_user(case, query):
    """A session without a user, of whom nothing can be recorded and nothing was bought."""
    is_session = case.operation.path == "/v1/sessions/recommendations"
    needs_one = "record" in query or str(query.get("exclude_bought")) == "1"
    return is_session and needs_one and not (isinstance(case.body, dict) and "user" in case.body)


def lacks_currency(item, is_patch):
    """A change of one of them: whether the other is there is the stored item's to say."""
    if not isinstance(item, dict) or not ("price" in item or (is_patch and "currency" in item)):
        return False
    return not (is_patch and item.get("price") is None and "price" in item) and not isinstance(item.get("currency"), str)


def price_may_lack_currency(case):
    items = case.body if isinstance(case.body, list) else [case.body]
    is_patch = case.operation.method.upper() == "PATCH"
    return case.operation.path.startswith("/v1/items") and any(lacks_currency(item, is_patch) for item in items)


def repeats_id(case):
    if not case.operation.path.endswith("/import") or not isinstance(case.body, list):
        return False
    ids = [line.get("item") for line in case.body if isinstance(line, dict)]
    return len(ids) > len({repr(one) for one in ids})


def wrong_lines_are_right(case, query):
    """Bad lines are passed over where that is asked for, and in CSV all values are texts."""
    negative = case.meta is not None and case.meta.generation.mode.is_negative
    return case.operation.path.endswith("/import") and negative and \
        (case.media_type == "text/csv" or str(query.get("partial")) == "1")


# ---- for schemathesis ----

@schemathesis.hook
def before_load_schema(_context, raw_schema):
    """A cursor is taken from an answer; test_boundaries.py follows them."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            operation["parameters"] = [one for one in operation["parameters"] if one.get("schema", {}).get("format") != "cursor"]


@schemathesis.hook
def filter_case(_context, case):
    document = case.operation.schema.raw_schema
    operation = document["paths"][case.operation.path].get(case.operation.method.lower())
    query = case.query if isinstance(case.query, dict) else {}
    if has_whole_float(case.body) or prices_cross(query) or lacks_user(case, query) or price_may_lack_currency(case) or \
            repeats_id(case) or wrong_lines_are_right(case, query):
        return False
    return operation is None or not any(is_between(*part) for schema, value in given(case, operation)
                                        for part in parts(schema, value, document))


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    lines = value if isinstance(value, list) else [value]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "|".join(value) if isinstance(value, list) else value


@schemathesis.serializer("text/csv")
def comma_separated(_context, value):
    lines = value if isinstance(value, list) else [value]
    names = sorted({name for line in lines if isinstance(line, dict) for name in line} | {"item"})
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(names)
    table.writerows([cell(line.get(name, "")) for name in names] for line in lines if isinstance(line, dict))
    return out.getvalue().encode()
