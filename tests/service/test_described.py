"""What the service says of itself: OpenAPI, health and numbers."""

from __future__ import annotations

import pytest

from tests.service.asking import encoded, square
from tests.service.bright import bright_remover


def description(client) -> dict:
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def test_openapi_is_right_by_somebody_elses_validator(client):
    validator = pytest.importorskip("openapi_spec_validator", reason="make runtimes installs it")
    validator.validate(description(client))


def test_openapi_names_every_address_and_known_parameters(client):
    paths = description(client)["paths"]
    assert set(paths) == {"/api/remove", "/v1.0/removebg", "/health", "/metrics"}
    body = paths["/api/remove"]["post"]["requestBody"]["content"]
    form = body["multipart/form-data"]["schema"]["properties"]
    assert {"file", "url", "only", "background", "crop", "om", "bgc"} < set(form)
    assert body["image/*"]["schema"]["format"] == "binary"
    for name, schema in form.items():
        if name in ("file", "url", "background", "model"):
            continue
        value = schema.get("enum", [schema.get("default")])[0]
        if value is not None:
            answer = client.remove(**{name: str(value).lower()})
            assert answer.status_code == 200, (name, answer.text)
    query = paths["/api/remove"]["get"]["parameters"]
    assert {each["name"] for each in query} == {*form} - {"file"}
    theirs = paths["/v1.0/removebg"]["post"]["requestBody"]["content"]["multipart/form-data"]
    for name, schema in theirs["schema"]["properties"].items():
        for value in schema.get("enum", []):
            sent = {"image_file": ("a.png", encoded(square()))}
            answer = client.post("/v1.0/removebg", files=sent, data={name: value})
            assert answer.status_code == 200, (name, value, answer.text)


def test_errors_are_as_described(client):
    answers = description(client)["paths"]["/api/remove"]["post"]["responses"]
    for answer in (client.remove(b"x"), client.remove(only="x"), client.remove(crop="x")):
        assert str(answer.status_code) in answers
        assert answer.headers["content-type"] == "application/json"


def numbers(client) -> dict:
    lines = client.get("/metrics").text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines if not line.startswith("#")}  # fmt: skip


def test_numbers_for_prometheus(client):
    client.remove()
    client.remove(b"x")
    client.remove(only="all")
    client.post("/v1.0/removebg")
    found = numbers(client)
    for (api, outcome), count in {
        ("/api/remove", "done"): 1,
        ("/api/remove", "invalid_picture"): 1,
        ("/api/remove", "invalid_parameter"): 1,
        ("/v1.0/removebg", "missing_source"): 1,
    }.items():
        assert found[f'u2net_requests_total{{api="{api}",outcome="{outcome}"}}'] == count
    assert found['u2net_request_seconds_count{api="/api/remove"}'] == 3
    assert found["u2net_pixels_total"] == 600
    assert found["u2net_queue"] == found["u2net_running"] == 0
    for step in ("read", "wait", "decode", "network", "finish", "encode"):
        assert found[f'u2net_step_seconds_count{{step="{step}"}}'] >= 1


def test_numbers_are_in_the_form_that_prometheus_reads(client):
    from prometheus_client.parser import text_string_to_metric_families

    client.remove()
    families = text_string_to_metric_families(client.get("/metrics").text)
    assert "u2net_request_seconds" in {family.name for family in families}


def test_several_models(make):
    from paddleseg_u2net.service import Settings, create_app
    from tests.service.asking import Client

    class Nothing:
        output_type = "logits"

        def __call__(self, batch):
            return -50 + 0 * batch[:, :1]

    models = {"bright": bright_remover(), "nothing": bright_remover(Nothing())}
    client = Client(create_app(Settings(), models))
    assert client.get("/health").json()["models"] == ["bright", "nothing"]
    assert client.remove().headers["x-found"] == "true"
    assert client.remove(model="bright").headers["x-found"] == "true"
    assert client.remove(model="nothing").headers["x-found"] == "false"
