import pytest

from pipeline.sandbox.faults import Fault, FaultBoard, Point, Rule

CLONE = "/v1/audio/voice-clone"


@pytest.mark.parametrize("point", Point)
def test_every_point_reads_back_from_how_it_is_written(point: Point) -> None:
    fault = Fault.parse(point)
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize("text", ["", "explode", "402:3", "slow:-1", "slow:nan", "slow:x", "slow:1e9"])
def test_a_wrong_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Fault.parse(text)


def test_a_counted_rule_fires_so_often_and_on_its_route_only() -> None:
    board = FaultBoard()
    board.replace([Rule(Fault(Point.RESET_BEFORE), route="voice-clone", count=2)])
    drawn = [board.draw(route, "") for route in (CLONE, "/v1/audio/speech", CLONE, CLONE)]
    assert [Point.RESET_BEFORE in each for each in drawn] == [True, False, True, False]


def test_the_same_seed_makes_the_same_coin() -> None:
    def tosses(seed: int) -> list[bool]:
        rule = Rule(Fault(Point.SLOW, 1), probability=0.3, seed=seed)
        return [rule.fires(CLONE) for _ in range(200)]

    assert tosses(7) == tosses(7) != tosses(8)
    assert 30 < sum(tosses(7)) < 90


def test_header_and_rules_add_up() -> None:
    board = FaultBoard()
    board.replace([Rule(Fault(Point.SLOW, 0.5))])
    drawn = board.draw(CLONE, "slow:2, empty_audio")
    assert drawn.seconds(Point.SLOW) == 2.5
    assert str(drawn) == "slow:2,empty_audio,slow:0.5"


@pytest.mark.parametrize(
    "row",
    [
        "reset_before",
        {"point": "nowhere"},
        {"point": "slow", "routes": "*"},
        {"point": "slow", "probability": 2},
        {"point": "slow", "count": 0},
        {"point": "slow", "count": [1]},
        {"point": "slow", "seed": None},
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(row: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Rule.from_json(row)
