import json

import pytest

from workers.stack.part import Part
from workers.stack.probes import BucketProbe, FileProbe, HttpProbe, PingProbe, Probe

PROBES = [
    None,
    HttpProbe(80, "/"),
    PingProbe("/run/v.sock"),
    FileProbe("/run/ready"),
    BucketProbe(1, 2, "bucket", "key", "secret", "us-east-1"),
]


@pytest.mark.parametrize("probe", PROBES)
def test_a_part_survives_the_way_to_the_supervisor(probe: Probe | None) -> None:
    part = Part(
        "api", ("python", "-m", "api"), probe, {"A": "b"}, ("migrate",), ("valkey",), 1.5, ("/tmp/x",), "u", "f"
    )
    assert Part.from_json(json.loads(json.dumps(part.as_json()))) == part


def test_relations_to_parts_that_do_not_run_here_are_dropped() -> None:
    part = Part("worker", (), None, starts_after=("migrate", "valkey"), stops_before=("sandbox",))
    here = part.among({"worker", "migrate"})
    assert here.starts_after == ("migrate",)
    assert here.stops_before == ()


def test_secrets_are_not_in_its_representation() -> None:
    probe = BucketProbe(1, 2, "bucket", "canary", "canary", "us-east-1")
    assert "canary" not in repr(Part("storage", (), probe, {"KEY": "canary"}))
