"""What /openapi.json promises."""

from typing import Any

import pytest

from pipeline.api.schemas import PlanRequest, RunRequest, UploadRequest
from tests.integration.api.callers import Caller

Json = dict[str, Any]


@pytest.fixture
def reference(stranger: Caller) -> Json:
    answer = stranger.get("/openapi.json")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def operations(reference: Json) -> dict[str, Json]:
    return {
        f"{method} {path}": operation
        for path, methods in reference["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.parametrize("body", [UploadRequest, PlanRequest, RunRequest])
def test_every_body_has_an_example_that_is_valid(reference: Json, body: type[UploadRequest]) -> None:
    (example,) = reference["components"]["schemas"][body.__name__]["examples"]
    body.model_validate(example)


def test_every_body_that_is_taken_has_one_of_these_examples(reference: Json) -> None:
    schemas = reference["components"]["schemas"]
    for name, operation in operations(reference).items():
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert schemas[schema["$ref"].rpartition("/")[2]]["examples"], name


def test_every_route_says_what_it_does_and_which_errors_it_answers(reference: Json) -> None:
    for name, operation in operations(reference).items():
        assert operation["summary"], name
        assert operation["description"], name
        refused = {status: told for status, told in operation["responses"].items() if status >= "400"}
        if "health" not in name:
            assert {"401", "422", "503"} <= set(refused), name
        for status, told in refused.items():
            schema = told["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Envelope"}, (name, status)
            assert "`" in told["description"]


@pytest.mark.parametrize(
    ("route", "statuses"),
    [
        ("post /v1/uploads", {"200", "400", "401", "422", "503"}),
        ("post /v1/plans", {"200", "400", "401", "403", "422", "503"}),
        ("post /v1/runs", {"201", "400", "401", "402", "403", "409", "422", "503"}),
        ("get /v1/runs/{run_id}", {"200", "401", "404", "422", "503"}),
        ("get /v1/productions/{name}/lines", {"200", "401", "404", "422", "503"}),
        ("get /v1/productions/{name}/pack", {"200", "401", "404", "422", "503"}),
    ],
)
def test_a_route_documents_the_answers_it_gives(reference: Json, route: str, statuses: set[str]) -> None:
    assert set(operations(reference)[route]["responses"]) == statuses


def test_no_schema_of_another_error_is_left(reference: Json) -> None:
    assert not [name for name in reference["components"]["schemas"] if "ValidationError" in name]


def test_every_route_of_an_account_asks_for_a_key(reference: Json) -> None:
    for name, operation in operations(reference).items():
        assert bool(operation.get("security")) is ("health" not in name), name
