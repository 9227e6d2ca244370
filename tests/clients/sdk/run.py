"""The official agentex client, told to refuse any answer that is not of the type it promises, against a
real server. Agents, tasks and events are made over GraphQL: the routes that make them come later.
Exits with 1 unless every check passes.
"""

import json
import pathlib
import sys
import traceback
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import httpx
from agentex import Agentex, BadRequestError, NotFoundError, UnprocessableEntityError
from agentex.types import Agent, AgentTaskTracker, Event, Task

from taskgate import AGENT_ID, BASE_URL, HEADERS, append_event, create_agent, create_task

client = Agentex(
    base_url=BASE_URL, api_key="unused", default_headers=HEADERS, max_retries=0, timeout=20, _strict_response_validation=True
)
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def refuses(error, call):
    try:
        call()
    except error as refused:
        return refused
    raise AssertionError(f"expected {error.__name__}")


def tracker_of(task):
    return client.tracker.list(task_id=task["id"])[0]


def put(task, name, **more):
    more = {"checkpoint": {"id": name, "channel_versions": {}}, "metadata": {"step": 1}, **more}
    return client.checkpoints.put(thread_id=task["id"], checkpoint_id=name, **more)


def write(index, blob, node="n"):
    return {"task_id": node, "idx": index, "channel": "ch", "type": "json", "blob": blob}


# --- agents


@check
def agents_by_id_and_by_name_are_the_same():
    made = create_agent()
    found = client.agents.retrieve(made["id"])
    assert isinstance(found, Agent) and found.status == "Ready" and found.created_at.tzinfo
    assert client.agents.retrieve_by_name(made["name"]) == found
    assert made["id"] in [agent.id for agent in client.agents.list(limit=200)]


@check
def agents_of_a_task():
    assert [agent.id for agent in client.agents.list(task_id=create_task()["id"])] == [AGENT_ID]


# --- tasks


@check
def tasks_by_id_and_by_name_are_the_same():
    made = create_task(params={"k": [1, None, {"z": "é"}]}, taskMetadata={"m": 1})
    found = client.tasks.retrieve(made["id"])
    assert found.params == {"k": [1, None, {"z": "é"}]} and found.task_metadata == {"m": 1} and found.status == "RUNNING"
    assert found.agents is None and client.tasks.retrieve_by_name(made["name"]).to_dict() == found.to_dict()
    assert [agent.id for agent in client.tasks.retrieve(made["id"], relationships=["agents"]).agents] == [AGENT_ID]


@check
def a_list_of_tasks_leaves_params_out():
    made = create_task(params={"secret": 1})
    rows = client.tasks.with_raw_response.list(limit=1, order_by="created_at").http_response.json()
    assert rows[0]["id"] == made["id"] and "params" not in rows[0]


@check
def lists_of_tasks_are_filtered():
    word = uuid.uuid4().hex
    made = create_task(taskMetadata={"k": word, "x": 1})
    found = lambda **more: [task.id for task in client.tasks.list(task_metadata=json.dumps({"k": word}), **more)]
    assert found() == [made["id"]] and found(status="COMPLETED") == [] and found(agent_name="demo-agent") == [made["id"]]
    for wrong in ({"task_metadata": "{"}, {"task_metadata": "[]"}, {"task_metadata": "{}"}, {"status": "DELETED"}):
        refuses(BadRequestError, lambda: client.tasks.list(**wrong))


@check
def an_update_merges_params_and_replaces_metadata():
    made = create_task(params={"a": {"x": 1}, "b": 1}, taskMetadata={"m": 1})
    task = client.tasks.update_by_id(made["id"], merge_params={"a": {"y": 2}, "c": 3}, task_metadata={"n": 2})
    assert isinstance(task, Task) and task.params == {"a": {"y": 2}, "b": 1, "c": 3} and task.task_metadata == {"n": 2}
    assert client.tasks.update_by_name(made["name"], merge_params={"d": 4}).params["d"] == 4
    bare = create_task()
    assert client.tasks.update_by_id(bare["id"], merge_params={"a": 1}).params == {"a": 1}


@check
def each_step_is_taken_once():
    steps = {"complete": "COMPLETED", "fail": "FAILED", "cancel": "CANCELED", "terminate": "TERMINATED", "timeout": "TIMED_OUT", "interrupt": "INTERRUPTED"}
    for verb, status in steps.items():
        made = create_task()
        task = getattr(client.tasks, verb)(made["id"], reason="because")
        assert (task.status, task.status_reason) == (status, "because"), verb
        refuses(BadRequestError, lambda: getattr(client.tasks, verb)(made["id"]))
    interrupted = create_task()
    client.tasks.interrupt(interrupted["id"])
    assert client.tasks.complete(interrupted["id"]).status_reason == "Task completed"


@check
def a_deleted_task_is_gone():
    for delete, key in ((client.tasks.delete, "id"), (client.tasks.delete_by_name, "name")):
        made = create_task()
        answer = delete(made[key])
        assert answer.id == made["id"] and answer.message
        refuses(NotFoundError, lambda: client.tasks.retrieve(made["id"]))
        refuses(NotFoundError, lambda: delete(made[key]))


# --- trackers


@check
def a_task_comes_with_its_tracker():
    task = create_task()
    trackers = client.tracker.list(task_id=task["id"])
    assert len(trackers) == 1 and isinstance(trackers[0], AgentTaskTracker) and trackers[0].agent_id == AGENT_ID
    assert trackers[0].status is None and trackers[0].last_processed_event_id is None
    assert client.tracker.retrieve(trackers[0].id) == trackers[0] and trackers[0].created_at.tzinfo


@check
def a_cursor_moves_forward_only():
    task = create_task()
    tracker, first, second = tracker_of(task), append_event(task), append_event(task)
    for _ in range(2):
        assert client.tracker.update(tracker.id, last_processed_event_id=second).last_processed_event_id == second
    refuses(BadRequestError, lambda: client.tracker.update(tracker.id, last_processed_event_id=first))
    refuses(BadRequestError, lambda: client.tracker.update(tracker.id, last_processed_event_id=str(uuid.uuid4())))
    assert client.tracker.update(tracker.id, status="x", status_reason="y").last_processed_event_id == second
    now = client.tracker.update(tracker.id, status=None)
    assert (now.status, now.status_reason) == (None, "y")


@check
def lists_of_trackers_run_in_order_and_in_pages():
    tasks = [create_task() for _ in range(3)]
    page = lambda **more: [tracker.id for tracker in client.tracker.list(agent_id=AGENT_ID, order_by="created_at", **more)]
    ascending, descending = page(order_direction="asc", limit=1000), page(limit=1000)
    assert ascending == descending[::-1] and {tracker_of(task).id for task in tasks} == set(descending[:3])
    assert page(limit=2) + page(limit=2, page_number=2) == descending[:4]
    assert client.tracker.list(task_id=str(uuid.uuid4())) == []
    refuses(UnprocessableEntityError, lambda: client.tracker.list(limit=0))
    refuses(NotFoundError, lambda: client.tracker.retrieve(str(uuid.uuid4())))
    refuses(NotFoundError, lambda: client.tracker.update(str(uuid.uuid4()), status="x"))


# --- checkpoints, through the typed client; LangGraph's saver has a suite of its own


@check
def a_checkpoint_comes_back_as_it_was_put():
    task = create_task()
    blobs = [{"channel": "m", "version": "1", "type": "msgpack", "blob": "AAH/"}]
    document = {"id": "c1", "channel_versions": {"m": "1"}, "big": 2**53 - 1, "neg": -0.5, "u": "☃ é \\ \"", "deep": [[[{}]], None, True]}
    placed = put(task, "c1", checkpoint=document, blobs=blobs)
    assert (placed.thread_id, placed.checkpoint_ns, placed.checkpoint_id) == (task["id"], "", "c1")
    found = client.checkpoints.get_tuple(thread_id=task["id"])
    assert found.checkpoint == document and found.parent_checkpoint_id is None and found.pending_writes == []
    assert [(blob.channel, blob.version, blob.type, blob.blob) for blob in found.blobs] == [("m", "1", "msgpack", "AAH/")]


@check
def a_thread_without_checkpoints_answers_null():
    assert client.checkpoints.with_raw_response.get_tuple(thread_id=create_task()["id"]).http_response.json() is None


@check
def writes_come_in_order_and_stay_unless_upserted():
    task = create_task()
    put(task, "c")
    send = lambda writes, upsert=False: client.checkpoints.put_writes(thread_id=task["id"], checkpoint_id="c", writes=writes, upsert=upsert)
    seen = lambda: [(found.task_id, found.idx, found.blob) for found in client.checkpoints.get_tuple(thread_id=task["id"]).pending_writes]
    send([write(1, "AA==", "b"), write(0, "AA==", "b"), write(-1, "AA==", "a")])
    send([write(0, "AQ==", "b")])
    assert seen() == [("a", -1, "AA=="), ("b", 0, "AA=="), ("b", 1, "AA==")]
    send([write(0, "AQ==", "b")], upsert=True)
    assert ("b", 0, "AQ==") in seen()


@check
def lists_of_checkpoints_are_narrowed():
    task = create_task()
    for step in range(4):
        put(task, f"c{step}", metadata={"source": "loop" if step % 2 else "input", "step": step})
    put(task, "c1", checkpoint_ns="sub:1")
    ids = lambda **more: [item.checkpoint_id for item in client.checkpoints.list(thread_id=task["id"], **more)]
    assert ids(checkpoint_ns="") == ["c3", "c2", "c1", "c0"] and len(ids()) == 5
    assert ids(before_checkpoint_id="c3", limit=1) == ["c2"] and ids(filter_metadata={"source": "loop"}) == ["c3", "c1"]
    for limit in (0, 1001):
        refuses(UnprocessableEntityError, lambda: client.checkpoints.list(thread_id=task["id"], limit=limit))


@check
def a_deleted_thread_is_empty_and_others_are_not():
    one, other = create_task(), create_task()
    put(one, "c"), put(other, "c")
    for _ in range(2):
        answer = client.checkpoints.with_raw_response.delete_thread(thread_id=one["id"]).http_response
        assert answer.status_code == 204 and answer.content == b""
    assert client.checkpoints.list(thread_id=one["id"]) == [] and len(client.checkpoints.list(thread_id=other["id"])) == 1


# --- events


@check
def events_come_in_order_behind_a_cursor():
    task = create_task()
    events = [append_event(task, str(number)) for number in range(4)]
    listed = lambda **more: [event.id for event in client.events.list(task_id=task["id"], agent_id=AGENT_ID, **more)]
    assert listed() == events and listed(last_processed_event_id=events[1]) == events[2:] and listed(limit=1) == events[:1]
    found = client.events.retrieve(events[0])
    assert isinstance(found, Event) and found.content.content == "0" and isinstance(found.sequence_id, int)
    refuses(NotFoundError, lambda: client.events.retrieve(str(uuid.uuid4())))
    for limit in (0, 1001):
        refuses(UnprocessableEntityError, lambda: listed(limit=limit))


# --- errors


@check
def errors_have_the_bodies_of_agentex():
    body = refuses(NotFoundError, lambda: client.tasks.retrieve("nope")).body
    assert set(body) == {"message", "code", "data"} and body["code"] == 404 and "nope" in body["message"]
    task = create_task()
    client.tasks.complete(task["id"])
    body = refuses(BadRequestError, lambda: client.tasks.complete(task["id"])).body
    assert body["code"] == 400 and "COMPLETED" in body["message"]
    answer = httpx.post(f"{BASE_URL}/checkpoints/put", headers=HEADERS, json={"thread_id": task["id"]})
    assert answer.status_code == 422 and answer.json()["status_code"] == 10422 and "checkpoint" in answer.json()["message"]


failed = 0
for function in CHECKS:
    try:
        function()
        print("ok    ", function.__name__)
    except Exception:  # each check is reported, then the run fails
        failed += 1
        print("FAILED", function.__name__)
        traceback.print_exc(file=sys.stdout)
print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
sys.exit(1 if failed else 0)
