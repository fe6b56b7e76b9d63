"""The tests that every store passes: the contract of `workmill.store`, sentence by sentence.

A store's author runs all of it with one fixture. In a test module of their own:

    import pytest

    from workmill.testing.conformance import *
    from workmill.testing.conformance import ClockedHarness

    @pytest.fixture
    def harness(tmp_path):
        return ClockedHarness(lambda clock: MyStore(tmp_path / "jobs.db", clock=clock))

`ClockedHarness` serves a store that takes its clock as an argument; any other needs an object that does what `Harness`
says. pytest and anyio, whose pytest plugin comes with it, are all that is needed. The tests wait for events, never for
time, and every wait has a deadline.
"""

import pytest

SUBJECTS = (
    "after",
    "bounds",
    "cancel",
    "channels",
    "claim",
    "counts",
    "declare",
    "ends",
    "enqueue",
    "expires",
    "fence",
    "find",
    "firing",
    "fixtures",
    "flows",
    "graph_walk",
    "graphs",
    "lease",
    "lifecycle",
    "limit_races",
    "limits",
    "loops",
    "making",
    "model",
    "notices",
    "obstacles",
    "overlap",
    "pauses",
    "payloads",
    "processes",
    "processes_tied",
    "pruning",
    "rates",
    "rescue",
    "ruled_walk",
    "rules",
    "schedules",
    "settle",
    "stopping",
    "unique",
    "unique_replace",
    "unreadable",
    "waiting",
    "walk",
    "within",
    "within_fence",
    "within_known",
    "within_late",
    "within_rules",
    "within_settle",
    "within_ties",
)
pytest.register_assert_rewrite(*(f"{__name__}.{subject}" for subject in SUBJECTS))

from workmill.testing.conformance.after import (  # noqa: E402 - after the line that makes their asserts tell
    TestAfter,
    TestAfterEnded,
    TestAfterRefused,
    TestAfterRepeated,
    TestBehind,
)
from workmill.testing.conformance.bounds import TestBound  # noqa: E402
from workmill.testing.conformance.cancel import TestCancel, TestForcedCancel  # noqa: E402
from workmill.testing.conformance.channels import TestMessages, TestPublish, TestPublishedNotice, TestSubscriptions  # noqa: E402
from workmill.testing.conformance.claim import TestClaim, TestClaimOrder, TestClaimRace, TestClaimRight, TestClaimScope  # noqa: E402
from workmill.testing.conformance.counts import TestCounts  # noqa: E402
from workmill.testing.conformance.declare import TestDeclareRules, TestDeclareSchedules  # noqa: E402
from workmill.testing.conformance.ends import TestEnds, TestFollowerNotice, TestFollowers  # noqa: E402
from workmill.testing.conformance.enqueue import TestEnqueue, TestIdempotencyKey, TestRepeatedId  # noqa: E402
from workmill.testing.conformance.expires import TestExpires  # noqa: E402
from workmill.testing.conformance.fence import TestCancelRequested, TestFence, TestProgress  # noqa: E402
from workmill.testing.conformance.find import TestFind, TestGet, TestPages  # noqa: E402
from workmill.testing.conformance.firing import TestDue, TestFire, TestFireByHand  # noqa: E402
from workmill.testing.conformance.fixtures import another, another_caller, anyio_backend, caller, store  # noqa: E402
from workmill.testing.conformance.flows import TestFindByTies, TestFlow, TestFlows, TestTies  # noqa: E402
from workmill.testing.conformance.graph_walk import TestRandomGraph  # noqa: E402
from workmill.testing.conformance.graphs import TestFollowersRace, TestLargeGraphs  # noqa: E402
from workmill.testing.conformance.harness import ClockedHarness, Harness  # noqa: E402
from workmill.testing.conformance.lease import TestLeader, TestLease, TestOrders, TestWorkers  # noqa: E402
from workmill.testing.conformance.lifecycle import TestLifecycle, TestSelfDescription  # noqa: E402
from workmill.testing.conformance.limit_races import TestLimitNotice, TestLimitRace, TestManyHeldBack  # noqa: E402
from workmill.testing.conformance.limits import TestKeys, TestLimit  # noqa: E402
from workmill.testing.conformance.loops import TestLoops, TestLoopsHold  # noqa: E402
from workmill.testing.conformance.notices import (  # noqa: E402
    TestCancelNotice,
    TestChangedNotice,
    TestListener,
    TestQueuedNotice,
    TestScheduledNotice,
)
from workmill.testing.conformance.obstacles import TestAhead, TestObstacles  # noqa: E402
from workmill.testing.conformance.overlap import TestOverlap  # noqa: E402
from workmill.testing.conformance.pauses import TestPause  # noqa: E402
from workmill.testing.conformance.payloads import TestLargeBatches, TestPayloads  # noqa: E402
from workmill.testing.conformance.processes import TestProcesses  # noqa: E402
from workmill.testing.conformance.processes_tied import TestProcessesTied  # noqa: E402
from workmill.testing.conformance.pruning import TestPruneParents  # noqa: E402
from workmill.testing.conformance.rates import TestRate, TestRateChange, TestRateDue  # noqa: E402
from workmill.testing.conformance.rescue import TestExpired, TestHeld, TestRescue  # noqa: E402
from workmill.testing.conformance.ruled_walk import TestRuledWalk  # noqa: E402
from workmill.testing.conformance.rules import TestRulesByHand  # noqa: E402
from workmill.testing.conformance.schedules import TestListSchedules, TestPutSchedules, TestStartSchedule  # noqa: E402
from workmill.testing.conformance.settle import TestAttempts, TestFailureStays, TestSettle, TestSettleAndClaim  # noqa: E402
from workmill.testing.conformance.stopping import TestDeleteSchedules, TestStopSchedule  # noqa: E402
from workmill.testing.conformance.unique import TestUnique, TestUniqueAnswer  # noqa: E402
from workmill.testing.conformance.unique_replace import TestUniqueRace, TestUniqueReplace  # noqa: E402
from workmill.testing.conformance.unreadable import TestUnreadable  # noqa: E402
from workmill.testing.conformance.waiting import TestPromote, TestPrune  # noqa: E402
from workmill.testing.conformance.walk import TestRandomWalk  # noqa: E402
from workmill.testing.conformance.within import TestEnqueueWithin, TestJoining  # noqa: E402
from workmill.testing.conformance.within_fence import TestFenceWithin  # noqa: E402
from workmill.testing.conformance.within_known import TestKnownWithin  # noqa: E402
from workmill.testing.conformance.within_late import TestLateCommit, TestNoticeWithin  # noqa: E402
from workmill.testing.conformance.within_rules import TestRulesWithin, TestUniqueWithin  # noqa: E402
from workmill.testing.conformance.within_settle import TestSettleWithin  # noqa: E402
from workmill.testing.conformance.within_ties import TestEndWithin, TestFollowWithin  # noqa: E402

__all__ = [
    "ClockedHarness",
    "Harness",
    "TestAfter",
    "TestAfterEnded",
    "TestAfterRefused",
    "TestAfterRepeated",
    "TestAhead",
    "TestAttempts",
    "TestBehind",
    "TestBound",
    "TestCancel",
    "TestCancelNotice",
    "TestCancelRequested",
    "TestChangedNotice",
    "TestClaim",
    "TestClaimOrder",
    "TestClaimRace",
    "TestClaimRight",
    "TestClaimScope",
    "TestCounts",
    "TestDeclareRules",
    "TestDeclareSchedules",
    "TestDeleteSchedules",
    "TestDue",
    "TestEndWithin",
    "TestEnds",
    "TestEnqueue",
    "TestEnqueueWithin",
    "TestExpired",
    "TestExpires",
    "TestFailureStays",
    "TestFence",
    "TestFenceWithin",
    "TestFind",
    "TestFindByTies",
    "TestFire",
    "TestFireByHand",
    "TestFlow",
    "TestFlows",
    "TestFollowWithin",
    "TestFollowerNotice",
    "TestFollowers",
    "TestFollowersRace",
    "TestForcedCancel",
    "TestGet",
    "TestHeld",
    "TestIdempotencyKey",
    "TestJoining",
    "TestKeys",
    "TestKnownWithin",
    "TestLargeBatches",
    "TestLargeGraphs",
    "TestLateCommit",
    "TestLeader",
    "TestLease",
    "TestLifecycle",
    "TestLimit",
    "TestLimitNotice",
    "TestLimitRace",
    "TestListSchedules",
    "TestListener",
    "TestLoops",
    "TestLoopsHold",
    "TestManyHeldBack",
    "TestMessages",
    "TestNoticeWithin",
    "TestObstacles",
    "TestOrders",
    "TestOverlap",
    "TestPages",
    "TestPause",
    "TestPayloads",
    "TestProcesses",
    "TestProcessesTied",
    "TestProgress",
    "TestPromote",
    "TestPrune",
    "TestPruneParents",
    "TestPublish",
    "TestPublishedNotice",
    "TestPutSchedules",
    "TestQueuedNotice",
    "TestRandomGraph",
    "TestRandomWalk",
    "TestRate",
    "TestRateChange",
    "TestRateDue",
    "TestRepeatedId",
    "TestRescue",
    "TestRuledWalk",
    "TestRulesByHand",
    "TestRulesWithin",
    "TestScheduledNotice",
    "TestSelfDescription",
    "TestSettle",
    "TestSettleAndClaim",
    "TestSettleWithin",
    "TestStartSchedule",
    "TestStopSchedule",
    "TestSubscriptions",
    "TestTies",
    "TestUnique",
    "TestUniqueAnswer",
    "TestUniqueRace",
    "TestUniqueReplace",
    "TestUniqueWithin",
    "TestUnreadable",
    "TestWorkers",
    "another",
    "another_caller",
    "anyio_backend",
    "caller",
    "store",
]
