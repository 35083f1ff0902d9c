"""The document by itself: valid OpenAPI 3.1, with examples that are what their schemas say."""
from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid_openapi(document):
    errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
              for error in OpenAPIV31SpecValidator(document.whole).iter_errors()]
    assert not errors, "\n".join(errors)


def test_each_example_has_its_schema(document):
    wrong = []
    for name, schema in document.whole["components"]["schemas"].items():
        for example in schema.get("examples", []):
            why = document.mismatch({"$ref": f"#/components/schemas/{name}"}, example)
            if why:
                wrong.append(f"the example of {name}: {why}")
    assert not wrong, "\n".join(wrong)


def test_each_path_parameter_has_an_example(document):
    without = {parameter["name"] for operation in document.operations for parameter in operation.parameters("path")
               if "example" not in parameter}
    assert not without, f"no example for a reader in path_parameters of routes.c: {without}"
