"""The chart, rendered by Helm itself, makes what Kubernetes knows and what the programs understand."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline.metrics import FAMILIES
from pipeline.settings import PREFIX, Settings
from workers.app import QUEUES
from workers.cli import app

helm = pytest.importorskip("helm_python", reason="Helm's own library is there for Linux on x86_64")

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "callsheet"
NATIVE = json.loads((ROOT / "tests" / "support" / "kubernetes" / "v1.37.json").read_text())
FOREIGN = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
"""Kinds of operators; they publish no schema with Kubernetes."""
LEAST = {"settings": {"CALLSHEET_S3_ENDPOINT": "https://s3.example.net"}}
VARIANTS: Mapping[str, dict[str, Any]] = {
    "least": LEAST,
    "keda": LEAST | {"autoscaler": "keda", "metrics": {"podMonitor": True}},
    "everything": LEAST
    | {
        "autoscaler": "none",
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "voices", "operator": "Exists"}],
        "api": {"ingress": {"enabled": True, "className": "nginx", "host": "voices.example", "tlsSecretName": "tls"}},
        "spool": {"storageClassName": "shared"},
        "metrics": {"namespaceLabels": {"name": "monitoring"}},
        "networkPolicy": {"apiNamespaceLabels": {"name": "ingress"}},
    },
    "little": LEAST
    | {"flower": {"enabled": False}, "networkPolicy": {"enabled": False}, "spool": {"existingClaim": "x"}},
}
OWN_VARIABLES = {"CALLSHEET_READY_FILE"}
SECRETS = {f"{PREFIX}{name.upper()}" for name, field in Settings.model_fields.items() if "SecretStr" in str(field)}

Json = dict[str, Any]


def rendered(values: Json) -> list[Json]:
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(chart.merge_values(values))
        texts = chart.render(values, name="voices", namespace="prod")
    documents: list[Json] = []
    for name, text in texts.items():
        if not name.endswith("NOTES.txt"):
            documents += [document for document in YAML(typ="safe", pure=True).load_all(text) if document]
    return documents


@pytest.fixture(scope="module", params=VARIANTS)
def documents(request: pytest.FixtureRequest) -> list[Json]:
    return rendered(VARIANTS[request.param])


def pods(documents: list[Json]) -> Iterator[tuple[str, Json]]:
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def faults(document: Json) -> list[str]:
    """Return what Kubernetes would not take of a document."""
    kind = NATIVE["kinds"][f"{document['apiVersion']}/{document['kind']}"]
    found = Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": NATIVE["$defs"]}).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def test_every_document_is_one_that_kubernetes_takes(documents: list[Json]) -> None:
    for document in documents:
        if document["apiVersion"] not in FOREIGN:
            assert faults(document) == [], document["metadata"]["name"]


def test_a_misspelt_field_would_be_seen(documents: list[Json]) -> None:
    deployment = next(document for document in documents if document["kind"] == "Deployment")
    deployment = json.loads(json.dumps(deployment))
    deployment["spec"]["template"]["spec"]["terminationGraceSeconds"] = 3
    assert "terminationGraceSeconds" in str(faults(deployment))


def test_names_are_unique_and_nothing_refers_to_what_is_not_there(documents: list[Json]) -> None:
    named = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(named)) == len(named)
    deployments = {
        name: document
        for document in documents
        for kind, name in [(document["kind"], document["metadata"]["name"])]
        if kind == "Deployment"
    }
    components = {
        document["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for document in deployments.values()
    }
    for document in documents:
        spec = document.get("spec", {})
        if "scaleTargetRef" in spec:
            assert spec["scaleTargetRef"]["name"] in deployments
        if document["kind"] == "PodDisruptionBudget":
            assert spec["selector"]["matchLabels"]["app.kubernetes.io/component"] in components
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for _, pod in pods(documents)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    made = {name for kind, name in named if kind == "PersistentVolumeClaim"}
    assert claims == (made or {"x"})


def test_every_variable_is_a_setting_and_no_secret_is_written_out(documents: list[Json]) -> None:
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name, pod in pods(documents):
        (container,) = pod["containers"]
        given = [variable["name"] for variable in container["env"]]
        assert len(given) == len(set(given)), name
        assert set(given) <= settings | OWN_VARIABLES, name
        assert not set(given) & SECRETS, name
        assert container["envFrom"] == [{"secretRef": {"name": "callsheet"}}], name


def test_the_values_given_to_settings_are_valid_ones(documents: list[Json]) -> None:
    for _, pod in pods(documents):
        given = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
        fields = {
            name.removeprefix(PREFIX).lower(): value for name, value in given.items() if name not in OWN_VARIABLES
        }
        Settings(**fields)


def test_every_command_is_one_there_is_and_every_queue_is_served(documents: list[Json]) -> None:
    commands = set(getattr(get_command(app), "commands", {}))
    started = [pod["containers"][0]["args"] for _, pod in pods(documents) if "args" in pod["containers"][0]]
    assert {args[0] for args in started} <= commands
    served = {queue for args in started if args[0] == "worker" for queue in args[2].split(",")}
    assert served == set(QUEUES)


def test_every_pod_runs_without_rights(documents: list[Json]) -> None:
    for name, pod in pods(documents):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert {"requests", "limits"} <= set(container["resources"]), name
    assert re.search(r"useradd .*--uid 10001", (ROOT / "deploy" / "Dockerfile").read_text())


def test_a_worker_has_the_time_to_end_a_call_and_a_disk_for_what_it_paid_for(documents: list[Json]) -> None:
    for name, pod in pods(documents):
        mounted = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        given = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
        if "worker" in name:
            longest = float(given["CALLSHEET_CLONE_TIMEOUT_SECONDS"])
            assert pod["terminationGracePeriodSeconds"] >= longest + 20
        if "worker" in name or "sweeper" in name:
            assert mounted["spool"] == given["CALLSHEET_SPOOL_DIR"]


def test_only_what_others_ask_listens_beyond_the_pod(documents: list[Json]) -> None:
    beyond = {
        name.removeprefix("voices-").partition("-")[0]
        for name, pod in pods(documents)
        if {"name": "CALLSHEET_LISTEN_ADDRESS", "value": "0.0.0.0"} in pod["containers"][0]["env"]
    }
    assert beyond == {"api", "worker", "sweeper"}
    assert [document["metadata"]["name"] for document in documents if document["kind"] == "Service"] == ["voices-api"]


def test_workers_are_scaled_by_a_metric_there_is_and_each_by_its_own_queues() -> None:
    family = next(family for family in FAMILIES if family.name == "callsheet_rows_due")
    scaled = [document for document in rendered(VARIANTS["keda"]) if document["kind"] == "ScaledObject"]
    asked = [trigger["metadata"]["valueLocation"] for document in scaled for trigger in document["spec"]["triggers"]]
    assert sorted(asked) == sorted(f'{family.name}{{{family.labels[0]}="{queue}"}}' for queue in QUEUES)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"settings": {"CALLSHEET_S3_ENDPOINT": ""}}, "CALLSHEET_S3_ENDPOINT"),
        (LEAST | {"autoscaler": "magic"}, "autoscaler"),
        (LEAST | {"typo": 1}, "typo"),
        ({"settings": {**LEAST["settings"], "CALLSHEET_KYMA_API_KEY": "x"}}, "CALLSHEET_KYMA_API_KEY"),
        ({"settings": {**LEAST["settings"], "CALLSHEET_DATABASE_URL": "x"}}, "CALLSHEET_DATABASE_URL"),
        (LEAST | {"workers": {"speech": {"queues": ["speach"]}}}, "queues"),
        (LEAST | {"longestCallSeconds": 60}, "longestCallSeconds"),
        (LEAST | {"api": {"ingress": {"enabled": True, "host": "voices.example"}}}, "tlsSecretName"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(change: Json, named: str) -> None:
    with pytest.raises(helm.HelmError, match=named):
        rendered(change)


def test_the_charts_version_is_the_products() -> None:
    chart = YAML(typ="safe", pure=True).load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
