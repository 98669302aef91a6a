"""Every part of the embedded stack gives way to a service of the user's own; the commands stay the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresqlMaker
from tests.support.sandbox import RunningSandbox, running_sandbox
from tests.support.stack import CAST, RunningStack, one_voice, running_stack, sheet, write_project
from tests.support.valkey import RunningValkey, running_valkey
from tests.support.weed import weed_server

MARA = CAST / "references" / "mara.mp3"
OWN_PARTS = {"migrate", "api", "worker", "sweeper", "flower"}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("upstream"), keys={"ky-real": "studio:4:100"}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningValkey]:
    with running_valkey() as valkey:
        yield valkey


@pytest.fixture(scope="module")
def studio(
    postgresql_server: PostgresqlMaker, upstream: RunningSandbox, broker: RunningValkey
) -> Iterator[RunningStack]:
    """A stack on a PostgreSQL, a broker, a bucket and a paid provider that are not its own."""
    with (
        weed_server() as bucket,
        postgresql_server.fresh(bare=True) as database,
        running_stack(
            CALLSHEET_DATABASE_URL=database.url.render_as_string(hide_password=False),
            CALLSHEET_BROKER_URL=broker.url,
            CALLSHEET_S3_ENDPOINT=bucket.endpoint,
            CALLSHEET_S3_ACCESS_KEY=bucket.access_key,
            CALLSHEET_S3_SECRET_KEY=bucket.secret_key,
            CALLSHEET_PROVIDER="kyma",
            CALLSHEET_KYMA_BASE_URL=f"{upstream.base_url}/v1",
            KYMA_API_KEY="ky-real",
        ) as running,
    ):
        yield running


def test_only_what_is_not_replaced_is_started(studio: RunningStack) -> None:
    assert {part["name"] for part in studio.ask("up")["parts"]} == OWN_PARTS


def test_the_same_command_runs_on_postgresql_another_broker_and_kymas_base_url(
    studio: RunningStack, upstream: RunningSandbox, broker: RunningValkey, tmp_path: Path
) -> None:
    rows = sheet(*[(f"s{n}", ("HERO", "HERALD")[n % 2], f"Studio line {n}.") for n in range(10)])
    project = write_project(tmp_path, one_voice("studio"), rows, {"references/mara.mp3": MARA})
    ended = studio.run("apply", project, "--yes", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["takes"]["done"] == ended.json["takes"]["total"] == 11
    charges = upstream.ledger()["charges"]
    assert studio.spent() == sum(charge["amount"] for charge in charges)
    assert broker.command("DBSIZE") != ":0"  # the worker has declared its queues here
    assert studio.ask("plan", project)["totals"]["total_micros"] == 0


def test_doctor_finds_every_part_well_and_names_the_database(studio: RunningStack) -> None:
    findings = {finding["part"]: finding for finding in studio.ask("doctor")}
    assert all(finding["ok"] for finding in findings.values()), findings
    assert findings["database"]["message"].startswith("postgresql")
    assert findings["provider"]["message"].startswith("kyma")


def test_no_secret_and_no_line_of_the_script_is_in_the_logs(studio: RunningStack) -> None:
    logs = "".join(path.read_text(errors="replace") for path in (studio.home / "logs").glob("*.log"))
    assert "speech.speak" in logs
    for secret in ("ky-real", "Studio line", "X-Amz-Signature"):
        assert secret not in logs
