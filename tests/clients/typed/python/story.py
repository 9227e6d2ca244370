"""The README's story, told by the generated client: what a viewer sees, what an owner does, what is denied."""

import json
import os
import uuid
from collections.abc import Callable
from typing import Protocol, TypeVar

from generated import Taskgate
from generated.enums import Direction, Role, SharedRole, TaskOrderField, TaskStatus
from generated.exceptions import GraphQLClientGraphQLMultiError
from generated.input_types import (
    AppendEventInput,
    CheckpointBlobInput,
    CheckpointWriteInput,
    CreateTaskInput,
    PutCheckpointInput,
    PutCheckpointWritesInput,
    TaskOrder,
    UpdateTrackerInput,
)
from generated.task_with_access import TaskWithAccess

DEMO = json.loads(os.environ["DEMO"])
Value = TypeVar("Value")
AGENT: str = DEMO["agent_id"]
VIEWER: str = DEMO["principals"]["viewer"]["principal"]
OWNER: str = DEMO["principals"]["owner"]["principal"]


class Permissions(Protocol):
    read: bool
    update: bool
    execute: bool
    cancel: bool
    delete: bool
    share: bool


def client(part: str) -> Taskgate:
    token = DEMO["principals"][part]["token"]
    return Taskgate(url=DEMO["graphql_url"], headers={"authorization": f"Bearer {token}"})


def there(value: Value | None) -> Value:
    """What may be null when somebody may not see it. Whoever is asking here may."""
    assert value is not None
    return value


def refusal(ask: Callable[[], object]) -> GraphQLClientGraphQLMultiError:
    try:
        ask()
    except GraphQLClientGraphQLMultiError as refused:
        return refused
    raise AssertionError("it was not refused")


def told(refused: GraphQLClientGraphQLMultiError) -> list[tuple[object, object]]:
    return [(error.path, (error.extensions or {}).get("code")) for error in refused.errors]


def may(can: Permissions) -> list[bool]:
    return [can.read, can.update, can.execute, can.cancel, can.delete, can.share]


owner, viewer = client("owner"), client("viewer")

# The viewer lists, page by page, and may read and nothing else.
assert viewer.viewer().viewer.principal == VIEWER
names: list[str] = []
after: str | None = None
more = True
while more:
    order = TaskOrder(field=TaskOrderField.NAME, direction=Direction.ASC)
    page = there(viewer.tasks(first=2, after=after, order_by=order).tasks)
    for listed in page.nodes:
        names.append(there(listed.name))
        assert may(there(listed.viewer_can)) == [True, False, False, False, False, False]
    more, after = page.page_info.has_next_page, page.page_info.end_cursor
assert names == ["demo-report", "demo-research", "demo-triage"], names

# The owner makes a task, and may do everything to it.
name = f"typed-{uuid.uuid4()}"
new = CreateTaskInput(agent_id=AGENT, name=name, task_metadata={"made": "by a typed client"})
made = there(owner.create_task(new).create_task)
task = made.id
assert made.status is TaskStatus.RUNNING and there(made.created_at).tzinfo is not None
assert made.task_metadata == {"made": "by a typed client"} and all(may(there(made.viewer_can)))
assert told(refusal(lambda: owner.create_task(new))) == [(["createTask"], "ALREADY_EXISTS")]


# The agent's tracker stands nowhere, until a cursor is committed; it never moves back.
def tracker_of_task() -> tuple[str, str | None]:
    (tracker,) = there(there(owner.task_trackers(task).task).trackers)
    assert tracker.agent_id == AGENT
    return tracker.id, tracker.last_processed_event_id


tracker, cursor = tracker_of_task()
assert cursor is None
append = AppendEventInput(task_id=task, agent_id=AGENT, content={"n": 1})
first, second = (there(owner.append_event(append).append_event) for _ in range(2))
assert int(there(first.sequence_id)) < int(there(second.sequence_id))
moved = owner.commit_cursor(tracker, UpdateTrackerInput(last_processed_event_id=second.id, status="reading"))
assert there(moved.update_tracker).last_processed_event_id == second.id
back = UpdateTrackerInput(last_processed_event_id=first.id)
assert told(refusal(lambda: owner.commit_cursor(tracker, back))) == [(["updateTracker"], "FAILED_PRECONDITION")]
assert tracker_of_task() == (tracker, second.id)

# Checkpoints come back as they were put, the latest first.
for step, (checkpoint_id, parent) in enumerate([("c1", None), ("c2", "c1")]):
    owner.put_checkpoint(
        PutCheckpointInput(
            thread_id=task,
            checkpoint_id=checkpoint_id,
            parent_checkpoint_id=parent,
            checkpoint={"v": 4, "channel_versions": {"messages": checkpoint_id}, "deep": [None, {"z": "é"}]},
            metadata={"step": step},
            blobs=[CheckpointBlobInput(channel="messages", version=checkpoint_id, type_="msgpack", blob="AAH/")],
        )
    )
write = CheckpointWriteInput(task_id="node", idx=0, channel="messages", type_="json", blob="e30=")
owner.put_checkpoint_writes(PutCheckpointWritesInput(thread_id=task, checkpoint_id="c2", writes=[write]))
thread = there(owner.thread(task, first=1).task)
latest = there(thread.latest_checkpoint)
assert (latest.checkpoint_id, latest.parent_checkpoint_id, latest.metadata) == ("c2", "c1", {"step": 1})
assert latest.checkpoint == {"v": 4, "channel_versions": {"messages": "c2"}, "deep": [None, {"z": "é"}]}
assert [(blob.channel, blob.version, blob.blob) for blob in there(latest.blobs)] == [("messages", "c2", "AAH/")]
assert [(put.task_id, put.idx, put.blob) for put in there(latest.pending_writes)] == [("node", 0, "e30=")]
history = there(thread.checkpoints)
assert history.page_info.has_next_page
rest = there(there(owner.thread(task, first=1, after=history.page_info.end_cursor).task).checkpoints)
assert [node.checkpoint_id for node in rest.nodes] == ["c1"] and not rest.page_info.has_next_page

# Nobody else sees it, and a task that is not there is answered alike.
hidden = [(["task"], "NOT_FOUND")]
assert told(refusal(lambda: viewer.task(task))) == hidden
assert told(refusal(lambda: viewer.task(str(uuid.uuid4())))) == hidden

# Shared, it is the viewer's to read; who else may is null, with one error, and its siblings stay.
shared = there(there(owner.share_task(task, VIEWER, SharedRole.VIEWER).share_task).access)
assert (VIEWER, Role.VIEWER) in [(access.principal, access.role) for access in shared]
denied = refusal(lambda: viewer.task_with_access(task))
assert told(denied) == [(["task", "access"], "NOT_FOUND")]
assert denied.data == {"task": {"id": task, "access": None, "name": name}}
seen = there(TaskWithAccess.model_validate(denied.data).task)
assert (seen.id, seen.access, seen.name) == (task, None, name)
assert told(refusal(lambda: viewer.delete_task(task))) == [(["deleteTask"], "NOT_FOUND")]

# Unshared, it is gone for the viewer; deleted, for everybody.
left = there(there(owner.unshare_task(task, VIEWER, SharedRole.VIEWER).unshare_task).access)
assert [(access.principal, access.role) for access in left] == [(OWNER, Role.OWNER)]
assert told(refusal(lambda: viewer.task(task))) == hidden
gone = there(owner.delete_task(task).delete_task)
assert (gone.id, gone.name) == (task, name)
assert told(refusal(lambda: owner.task(task))) == hidden
print("the story holds")
