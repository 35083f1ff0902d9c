"""
Each parameter of the query at the ends of its range, made from the document and asked of the server: what the document allows is
taken, what lies one beside it is a 400 that names the parameter. So is a parameter that the call does not have, or has once and is given twice.
"""
from urllib.parse import quote, urlencode

import requests

IN_RANGE = (200, 202, 204, 404, 422)  # 404, 422: what the path or the body names; never for the query


def values(schema):
    """(value, is it allowed?)"""
    if "enum" in schema:
        last = str(schema["enum"][-1])
        return [(value, True) for value in schema["enum"]] + [(last + "x", False), ("", False), (last.upper() + "0", False)]
    if schema.get("pattern") == "^[A-Z]{3}$":
        return [("GBP", True), ("ZZZ", True), ("gbp", False), ("GB", False), ("GBPP", False), ("", False)]
    if schema["type"] == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return [(low, True), (high, True), (low - 1, False), (high + 1, False), ("", False), (f"{low}.0", False), ("1e0", False),
                ("9" * 40, False)]
    low, high = schema["minLength"], schema["x-max-bytes"]
    if schema.get("format") == "cursor":
        return [("no cursor", False)]
    return [("a" * max(low, 1), True), ("a" * high, True), ("a" * (high + 1), False), ("é" * (high // 2 + 1), False)] + \
        ([("", False)] if low else [])


def path_of(operation):
    path = operation.path
    for parameter in operation.parameters("path"):
        path = path.replace("{%s}" % parameter["name"], quote(str(parameter["example"]), safe=""))
    return path


class Asking:
    """Asks an operation with a query; what is not as it should be is remembered."""

    def __init__(self, tandem, document, session):
        self.url, self.document, self.session, self.wrong, self.asked = tandem.url, document, session, [], 0

    def body_of(self, operation):
        content = operation.what.get("requestBody", {}).get("content", {})
        of_json = next((media for kind, media in content.items() if kind.endswith("json")), {})  # an object is NDJSON, too
        schema = self.document.resolved(of_json.get("schema"))
        if not schema:
            return None
        # Some parameters need a user.
        return schema["examples"][0] | ({"user": "u42"} if "user" in schema.get("properties", {}) else {})

    def needed(self, operation, name):
        """What the query cannot be without."""
        return [(parameter["name"], parameter["schema"].get("minimum", "a")) for parameter in operation.parameters("query")
                if parameter.get("required") and parameter["name"] != name]

    def ask(self, operation, name, query, allowed):
        query = query + self.needed(operation, name)
        answer = self.session.request(operation.method, f"{self.url}{path_of(operation)}?{urlencode(query)}",
                                      json=self.body_of(operation), timeout=30, stream=True)
        self.asked += 1
        refused = answer.status_code == 400 and answer.json().get("field") == name
        why = operation.why_not(answer.status_code, answer.headers["Content-Type"], answer.content) \
            if "event-stream" not in answer.headers["Content-Type"] else None
        answer.close()
        if why or refused == allowed or (allowed and answer.status_code not in IN_RANGE):
            self.wrong.append(f"{operation.name}?{urlencode(query)[:100]}: {answer.status_code} {why or answer.text[:200]}")

    def parameter(self, operation, parameter):
        name, schema = parameter["name"], parameter["schema"]
        repeats = schema.get("maxItems", 1)
        for value, allowed in values(schema.get("items", schema)):
            self.ask(operation, name, [(name, value)], allowed)
        value = next((str(value) for value, allowed in values(schema.get("items", schema)) if allowed), "0")
        self.ask(operation, name, [(name, value)] * (repeats + 1), False)
        if repeats > 1:
            self.ask(operation, name, [(name, value)] * repeats, True)


def test_each_parameter_is_taken_within_its_range_and_refused_beside_it(tandem, document):
    with requests.Session() as session:
        asking = Asking(tandem, document, session)
        for operation in document.operations:
            asking.ask(operation, "nosuch", [("nosuch", 1)], False)
            for parameter in operation.parameters("query"):
                asking.parameter(operation, parameter)
    print(f"asked {asking.asked} times")
    assert asking.asked > 50 and not asking.wrong, "\n".join(asking.wrong)


def test_what_stands_in_a_path_is_checked_as_the_document_says(tandem, document):
    wrong = []
    for operation in document.operations:
        for parameter in operation.parameters("path"):
            schema = document.resolved(parameter["schema"])
            if "x-max-bytes" not in schema or operation.method != "GET":
                continue
            for n in (schema["x-max-bytes"], schema["x-max-bytes"] + 1):
                path = path_of(operation).replace(quote(str(parameter["example"]), safe=""), "a" * n)
                needed = [(one["name"], one["schema"].get("minimum", "a")) for one in operation.parameters("query")
                          if one.get("required")]
                status = tandem.get(f"{path}?{urlencode(needed)}").status_code
                if (status == 400) != (n > schema["x-max-bytes"]):
                    wrong.append(f"{operation.name} with {n} bytes for {parameter['name']}: {status}")
    assert not wrong, "\n".join(wrong)


def pages(tandem, path, query):
    """What stands in the answers' one list, by following `next`."""
    found, cursor = [], []
    for _ in range(1000):
        answer = tandem.get(f"{path}?{urlencode(query + cursor)}").json()
        found += next(value for value in answer.values() if isinstance(value, list))
        if answer["next"] is None:
            return found
        cursor = [("cursor", answer["next"])]
    raise AssertionError(f"{path} has no end")


def test_a_list_is_the_same_in_pages_of_any_size(tandem, document):
    wrong = []
    for operation in document.operations:
        if {"cursor", "n"} <= {parameter["name"] for parameter in operation.parameters("query")}:
            small, large = (pages(tandem, path_of(operation), [("n", n)]) for n in (3, 50))
            if not large or sorted(map(str, small)) != sorted(map(str, large)):
                wrong.append(f"{operation.name}: {len(small)} in pages of 3, {len(large)} in pages of 50")
    assert not wrong, "\n".join(wrong)
