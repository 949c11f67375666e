import pytest

from agent.figures import Figures
from agent.rules.health import troubles


def test_an_agent_is_well_that_follows_its_engine_and_reaches_consul() -> None:
    assert troubles(is_following=True, consul_up={"kv": True}, is_joined=None) == ()
    assert (
        troubles(is_following=True, consul_up={"kv": True, "catalog": True}, is_joined=True) == ()
    )


@pytest.mark.parametrize(
    ("is_following", "consul_up", "is_joined", "said"),
    [
        (False, {"kv": True}, True, ["the engine is not followed"]),
        (True, {"kv": False}, None, ["Consul does not take entries (kv)"]),
        (True, {"kv": True, "catalog": False}, None, ["Consul does not take entries (catalog)"]),
        (True, {"kv": True}, False, ["the engine's address is not in the cluster's discovery"]),
    ],
)
def test_each_part_of_the_job_is_missed_by_its_name(
    is_following: bool, consul_up: dict[str, bool], is_joined: bool | None, said: list[str]
) -> None:
    found = troubles(is_following=is_following, consul_up=consul_up, is_joined=is_joined)
    assert list(found) == said


def test_an_agent_that_has_just_started_is_not_well_yet() -> None:
    assert Figures().troubles() == ("the engine is not followed",)
