"""The OpenAPI document: its operations, and whether an answer is what it says."""
import json
import re
from urllib.parse import unquote

from jsonschema import Draft202012Validator

METHODS = ("get", "put", "post", "delete", "patch")


class Operation:
    def __init__(self, document, method, path, what):
        self.document, self.method, self.path, self.what = document, method.upper(), path, what
        # The last part of a path may hold slashes where the table of routes says {name*}.
        self.pattern = re.compile(re.sub(r"\{[^}]*\}$", ".+", re.sub(r"\{[^}]*\}(?=/)", "[^/]+", path)) + r"\Z", re.S)
        self.name = f"{self.method} {path}"

    def answers(self, status):
        """What the document says of an answer with this status; None: nothing."""
        return self.document.resolved(self.what["responses"].get(str(status)))

    def parameters(self, place):
        all_of_it = map(self.document.resolved, self.what["parameters"])
        return [parameter for parameter in all_of_it if parameter["in"] == place]

    def why_not(self, status, content_type, body):
        """None where the document has such an answer, else what is wrong with it. `body`: bytes."""
        said = self.answers(status)
        if said is None:
            return f"{self.name} is answered with {status}, which the document does not have"
        content = said.get("content", {})
        media = content_type.split(";")[0].strip()
        if not content:
            return f"{self.name}: {status} has no body, but there is one" if body else None
        if media not in content:
            return f"{self.name}: {status} is {media}, the document says {', '.join(content)}"
        return self.document.mismatch(content[media]["schema"], body) if re.search(r"[/+]json$", media) else None


class Document:
    def __init__(self, whole):
        self.whole = whole
        self.operations = [Operation(self, method, path, what[method]) for path, what in whole["paths"].items()
                           for method in METHODS if method in what]

    def resolved(self, what):
        while what and "$ref" in what:
            kind, name = what["$ref"].removeprefix("#/components/").split("/")
            what = self.whole["components"][kind][name]
        return what

    def operation(self, method, path):
        """Of the paths that match, the one with the fewest {names}, as the table has them; None: none has it."""
        method = "GET" if method == "HEAD" else method
        found = [one for one in self.operations if one.method == method and one.pattern.match(unquote(path.split("?")[0]))]
        return min(found, key=lambda one: (one.path.count("{"), -len(one.path)), default=None)

    def validator(self, schema):
        return Draft202012Validator({"components": self.whole["components"], "allOf": [schema]})

    def mismatch(self, schema, body):
        """None where `body`, bytes or what was parsed, has this schema."""
        if isinstance(body, bytes):
            try:
                body = json.loads(body)
            except ValueError as why:
                return f"not JSON: {why}: {body[:200]!r}"
        for error in self.validator(schema).iter_errors(body):
            return f"{'/'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message[:500]}"
        return None
