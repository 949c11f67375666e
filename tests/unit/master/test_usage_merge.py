"""What several engines use or gave back, as one answer; and what a fan-out makes of failures."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import EngineError, EngineStatusError, EngineTimeoutError
from master.cluster.model import Engine
from master.cluster.system.usage_merge import common_plugins, merged_prune, merged_usage
from master.operations.fanout import Fanned, partial_headers

A, B = Engine(address="a:1", name="node-a"), Engine(address="b:1", name="node-b")


def plain(_address: str, name: str) -> str:
    return name


def by_node(address: str, name: str) -> str:
    return f"{address[0]}/{name}"


def image(**fields: Any) -> dict[str, Any]:
    return {"Id": "sha256:1", "RepoTags": ["x:1"], "RepoDigests": [], "Containers": 1, **fields}


def test_the_old_shape_of_df() -> None:
    first = {
        "LayersSize": 100,
        "Images": [image()],
        "Containers": [{"Id": "1"}],
        "Volumes": [{"Name": "v", "Scope": "local"}],
        "BuildCache": None,
        "BuilderSize": 1,
    }
    second = {
        "LayersSize": 50,
        "Images": [image(RepoTags=["y:1"]), image(Id="sha256:2")],
        "Containers": None,
        "Volumes": [{"Name": "v", "Scope": "local"}],
        "BuildCache": [{"ID": "c"}],
        "BuilderSize": 2,
    }
    usage = merged_usage([("a:1", first), ("b:1", second)], by_node)
    assert usage["LayersSize"] == 150
    assert usage["BuilderSize"] == 3
    assert [row["Id"] for row in usage["Images"]] == ["sha256:1", "sha256:2"]
    assert usage["Images"][0]["RepoTags"] == ["x:1", "y:1"]
    assert usage["Images"][0]["Containers"] == 2
    assert usage["Containers"] == [{"Id": "1"}]
    assert [row["Name"] for row in usage["Volumes"]] == ["a/v", "b/v"]
    assert usage["BuildCache"] == [{"ID": "c"}]


def test_the_new_shape_of_df() -> None:
    def told(**items: Any) -> dict[str, Any]:
        count = {"ActiveCount": 1, "TotalCount": 2, "TotalSize": 30, "Reclaimable": 4}
        return {"ImageUsage": {**count, **items}, "VolumeUsage": dict(count)}

    usage = merged_usage([("a:1", told()), ("b:1", told())], plain)
    summed = {"ActiveCount": 2, "TotalCount": 4, "TotalSize": 60, "Reclaimable": 8}
    assert usage == {"ImageUsage": summed, "VolumeUsage": summed}
    verbose = merged_usage([("a:1", told(Items=[image()])), ("b:1", told(Items=[image()]))], plain)
    assert [row["Containers"] for row in verbose["ImageUsage"]["Items"]] == [2]


def test_a_global_volume_is_counted_once() -> None:
    told = {"Volumes": [{"Name": "nfs", "Scope": "global"}]}
    assert len(merged_usage([("a:1", told), ("b:1", told)], plain)["Volumes"]) == 1


def test_kinds_that_were_not_asked_for_stay_away() -> None:
    assert merged_usage([("a:1", {"Containers": []}), ("b:1", {})], plain) == {"Containers": []}


def test_prunes_are_joined_and_added_up() -> None:
    first = {"VolumesDeleted": ["x"], "SpaceReclaimed": 1}
    second = {"VolumesDeleted": None, "SpaceReclaimed": 2}
    third = {"VolumesDeleted": ["y"], "SpaceReclaimed": 0}
    answers = [("a:1", first), ("b:1", second), ("c:1", third)]
    assert merged_prune(answers) == {"VolumesDeleted": ["x", "y"], "SpaceReclaimed": 3}
    assert merged_prune(answers, by_node)["VolumesDeleted"] == ["a/x", "c/y"]
    assert merged_prune([("b:1", second)]) == {"VolumesDeleted": None, "SpaceReclaimed": 2}


def test_plugins_that_every_engine_has() -> None:
    first = [{"Name": "x", "Enabled": True, "Id": "1"}, {"Name": "only-a", "Enabled": True}]
    second = [{"Name": "x", "Enabled": False, "Id": "2"}]
    plugins, lacking = common_plugins([("a:1", first), ("b:1", second)])
    assert plugins == [{"Name": "x", "Enabled": False, "Id": "1"}]
    assert lacking == ["b:1"]
    assert common_plugins([("a:1", None), ("b:1", [])]) == ([], [])


def refusal(engine: Engine, status: int = 409, text: str = "in use") -> tuple[Engine, EngineError]:
    return engine, EngineStatusError(engine.address, status, text)


def test_what_all_engines_say_is_said_once() -> None:
    with pytest.raises(EngineStatusError, match=r"^in use$") as caught:
        Fanned[int]([], [refusal(A), refusal(B, text="In use")]).raise_failure()
    assert caught.value.status == 409


def test_a_failure_of_one_names_its_node() -> None:
    with pytest.raises(EngineStatusError, match=r"^node-a: in use$") as caught:
        Fanned([(B, 1)], [refusal(A)]).raise_failure()
    assert caught.value.status == 409
    silent = (A, EngineTimeoutError(A.address, "no answer within 1 s"))
    with pytest.raises(EngineStatusError, match=r"^node-a: no answer") as caught:
        Fanned[int]([], [silent, refusal(B)]).raise_failure()
    assert caught.value.status == 500


def test_reads_fail_only_if_nobody_answers() -> None:
    partial = Fanned([(B, 1)], [refusal(A)])
    partial.raise_if_all_failed()
    assert partial.headers == {"X-Cluster-Partial": "node-a"}
    with pytest.raises(EngineStatusError):
        Fanned[int]([], [refusal(A)]).raise_if_all_failed()
    Fanned[int]([(A, 1)], []).raise_failure()


def test_a_nodes_name_cannot_break_the_header() -> None:
    odd = Engine(address="x:1", name="ä\r\nb")
    assert partial_headers([odd, A]) == {"X-Cluster-Partial": "node-a,???b"}
    assert partial_headers([]) == {}
