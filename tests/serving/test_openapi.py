"""The description for programs beside what the service does."""

import pytest
from serving.odd import NAMES

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def described(running):
    return running("GET", "/openapi.json")[2]


def check(described, name, content):
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(content)


def test_answers_are_as_described(running, described):
    picture = running.files[0].read_bytes()
    for query in ({}, {"k": 3, "rerank": 20}, {"cameras": "no such"}):
        check(described, "Found", running.search(picture, **query)[1])
    check(described, "About", running("GET", "/api/info")[2])
    check(described, "Path", running("GET", "/api/identity?name=b/c%3Fd%3D1%23e")[2])
    ids = [entry.id for entry in running.gallery.entries(identities=NAMES[0])]
    change = running("POST", "/api/assign", {"ids": ids[:1], "identity": "x"})[2]
    check(described, "Change", change)
    check(described, "Undone", running("POST", "/api/undo", {"change": change["change"]})[2])
    check(described, "Change", running("POST", "/api/merge", {"identities": [NAMES[0]], "into": NAMES[0]})[2])
    for path, method, body in (
        ("/api/search", "POST", b"x"),
        ("/nothing", "GET", None),
        ("/api/info?x=1", "GET", None),
    ):
        check(described, "Error", running(method, path, body)[2])
    with pytest.raises(jsonschema.ValidationError):
        check(described, "Change", change | {"more": 1})


def test_every_address_is_described(running, described):
    addresses = {
        (route.path, method.lower())
        for route in running.service.app._app.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/") or route.path == "/thumbnail"
    }
    assert addresses == {(path, method) for path, methods in described["paths"].items() for method in methods}
    for methods in described["paths"].values():
        for about in methods.values():
            for status, answer in about["responses"].items():
                assert answer["description"] and (status == "200" or "application/json" in answer["content"])


def test_parameters_are_described(running, described):
    picture = running.files[0].read_bytes()
    parameters = described["paths"]["/api/search"]["post"]["parameters"]
    _, answer = running.search(picture, nonsense=1)
    assert answer["error"].endswith("there are " + ", ".join(each["name"] for each in parameters))
    for each in parameters:
        low, high = (each["schema"].get(key) for key in ("minimum", "maximum"))
        if high is not None:
            assert running.search(picture, **{each["name"]: high})[0] == 200
            assert running.search(picture, **{each["name"]: high + 1})[0] == 400
            assert running.search(picture, **{each["name"]: low - 1})[0] == 400


def test_page_for_programs(running, described):
    page = running("GET", "/api")[2].decode()
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert f"{running.address}/api/search" in page
