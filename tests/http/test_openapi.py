import enum
import re
from typing import Any

import jsonschema_rs
import pytest
from httpx2 import ASGITransport, AsyncClient
from pydantic import BaseModel

from tests.http.hand import Hand
from workmill import App
from workmill.http import asgi
from workmill.http.door import _routes
from workmill.http.problem import KINDS, TYPE_PREFIX


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    colour: Colour = Colour.RED
    # Named as keywords of JSON Schema are: these are the caller's words here.
    default: "Leaf | None" = None
    enum: "Colour | None" = None


async def document(client: AsyncClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def every(value: object, key: str) -> list[Any]:
    """Find all values of a key, however deep."""
    match value:
        case dict():
            own = [value[key]] if key in value else []
            return own + [found for each in value.values() for found in every(each, key)]
        case list():
            return [found for each in value for found in every(each, key)]
    return []


def resolve(whole: dict[str, Any], pointer: str) -> object:
    found: Any = whole
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found


def validator(whole: dict[str, Any], schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": whole["components"]}, validate_formats=True)


async def test_it_is_openapi_3_1_with_one_typed_path_for_each_task(client: AsyncClient) -> None:
    whole = await document(client)

    assert whole["openapi"] == "3.1.0"
    submit = {
        path.removeprefix("/v1/tasks/").removesuffix("/jobs"): item["post"]["operationId"]
        for path, item in whole["paths"].items()
        if path.endswith("/jobs") and "post" in item
    }
    assert submit == {name: f"submit_{name}" for name in ("add", "echo", "plane.move", "tick")}
    body = whole["paths"]["/v1/tasks/add/jobs"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"]["properties"]["a"]["type"] == "integer"
    assert whole["paths"]["/v1/tasks/tick/jobs"]["post"]["requestBody"]["required"] is False
    assert whole["paths"]["/v1/tasks/add/jobs"]["post"]["summary"] == "Add two numbers."


async def test_operation_ids_are_unique(client: AsyncClient) -> None:
    ids = every((await document(client))["paths"], "operationId")

    declared = [each for each in ids if not every({"x": each}, "$response")]
    operations = [
        operation["operationId"] for item in (await document(client))["paths"].values() for operation in item.values()
    ]
    assert len(operations) == len(set(operations))
    assert set(declared) == set(operations)  # the links name operations that exist


async def test_every_route_is_in_it_and_nothing_else(app: App, client: AsyncClient) -> None:
    routes = {route.path for route in _routes(app, has_token=False)}
    generic = "/v1/tasks/{task}/jobs"

    paths = {
        generic if path.startswith("/v1/tasks/") and path.endswith("/jobs") else path
        for path in (await document(client))["paths"]
    }

    assert paths == routes


async def test_every_reference_leads_somewhere(app: App, client: AsyncClient) -> None:
    @app.task(name="a:b")
    def paint(leaf: Leaf, colours: list[Colour]) -> dict[str, Leaf]:
        raise NotImplementedError

    whole = await document(client)

    references = every(whole, "$ref")
    assert "#/components/schemas/a-colon-b.Leaf" in references
    assert "#/components/schemas/a-colon-b.result.Leaf" in references
    for pointer in references:
        assert isinstance(resolve(whole, pointer), dict)
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in whole["components"]["schemas"])


async def test_every_schema_is_json_schema(app: App, client: AsyncClient) -> None:
    @app.task
    def paint(leaf: Leaf) -> Leaf:
        raise NotImplementedError

    whole = await document(client)

    schemas = [each for each in every(whole["paths"], "schema") if isinstance(each, dict)]
    schemas += whole["components"]["schemas"].values()
    assert len(schemas) > 50
    for schema in schemas:
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


async def test_a_moved_schema_means_what_it_meant(app: App, client: AsyncClient) -> None:
    @app.task
    def paint(leaf: Leaf) -> Leaf:
        raise NotImplementedError

    whole = await document(client)
    schema = whole["paths"]["/v1/tasks/paint/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    checked = validator(whole, schema)
    for leaf in ({"colour": "red"}, {"default": {"colour": "blue"}}, {"enum": "red"}):
        assert checked.is_valid({"leaf": leaf})
        assert (await client.post("/v1/tasks/paint/jobs", json={"leaf": leaf})).status_code == 202
    for leaf in ({"colour": "green"}, {"default": {"colour": "green"}}, {"enum": 1}):
        assert not checked.is_valid({"leaf": leaf})
        assert (await client.post("/v1/tasks/paint/jobs", json={"leaf": leaf})).status_code == 422


async def test_what_is_answered_matches_what_is_declared(app: App, client: AsyncClient, hand: Hand) -> None:
    whole = await document(client)
    failed = (await app.tasks["add"].aenqueue(1)).id
    job = await hand.take()
    await hand.report(job, 1, 4)
    running = (await client.get(f"/v1/jobs/{failed}")).json()
    await hand.fail(job)
    succeeded = await client.post("/v1/tasks/plane.move/jobs", json={"place": {"x": 1}})
    await hand.succeed(await hand.take(), b'{"x": 1, "y": 0}')

    def declared(path: str, method: str = "get", status: str = "200") -> dict[str, Any]:
        found: dict[str, Any] = whole["paths"][path][method]["responses"][status]["content"]
        return next(iter(found.values()))["schema"]

    async def answered(path: str) -> object:
        return (await client.get(path)).json()

    one = "/v1/jobs/{id}"
    validator(whole, declared(one)).validate(running)
    validator(whole, declared(one)).validate(await answered(f"/v1/jobs/{failed}"))
    validator(whole, declared("/v1/tasks/plane.move/jobs", "post", "202")).validate(succeeded.json())
    validator(whole, declared("/v1/tasks/plane.move/jobs", "post")).validate(
        await answered(succeeded.headers["location"])
    )
    validator(whole, declared(f"{one}/attempts")).validate(await answered(f"/v1/jobs/{failed}/attempts"))
    validator(whole, declared(f"{one}/result", status="409")).validate(await answered(f"/v1/jobs/{failed}/result"))
    for path in ("/v1/tasks", "/v1/jobs", "/v1/counts", "/openapi.json", "/livez", "/readyz"):
        validator(whole, declared(path)).validate(await answered(path))
    validator(whole, declared("/v1/tasks/{task}")).validate(await answered("/v1/tasks/add"))
    validator(whole, declared("/v1/jobs", status="422")).validate(await answered("/v1/jobs?limit=0"))


async def test_every_problem_is_declared_somewhere(client: AsyncClient) -> None:
    whole = await document(client)

    text = str([operation["responses"] for item in whole["paths"].values() for operation in item.values()])
    beyond_any_operation = {"not-found", "method-not-allowed", "unauthenticated", "forbidden", "internal-error"}
    missing = {kind.slug for kind in KINDS if f"`{kind.slug}`" not in text}
    assert missing == beyond_any_operation
    types = whole["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert types == [TYPE_PREFIX + kind.slug for kind in KINDS]


@pytest.mark.parametrize("token", [None, "secret"])
async def test_it_says_whether_a_token_is_needed(app: App, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = ASGITransport(app=asgi(app, token=token))
    async with AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        whole = await document(client)

    assert ("security" in whole) == (token is not None)
    assert ("401" in whole["paths"]["/v1/jobs"]["get"]["responses"]) == (token is not None)
    assert "401" not in whole["paths"]["/livez"]["get"]["responses"]
    assert ("403" in whole["paths"]["/v1/tasks/add/jobs"]["post"]["responses"]) == (token is None)
