"""What the outside clients share: where the server is, and GraphQL to make agents and tasks with."""

import json
import os
import uuid

import httpx

BASE_URL = os.environ["BASE_URL"]
HEADERS = {"x-api-key": os.environ["TOKEN"]}
AGENT_ID = os.environ["AGENT_ID"]

CREATE_TASK = """
mutation($input: CreateTaskInput!) { createTask(input: $input) { id name } }
"""
CREATE_AGENT = """
mutation($input: CreateAgentInput!) { createAgent(input: $input) { id name } }
"""

APPEND_EVENT = """
mutation($input: AppendEventInput!) { appendEvent(input: $input) { id } }
"""


def graphql(query: str, variables: dict) -> dict:
    answer = httpx.post(f"{BASE_URL}/graphql", headers=HEADERS, json={"query": query, "variables": variables}, timeout=30)
    body = answer.json()
    if body.get("errors"):
        raise RuntimeError(json.dumps(body["errors"]))
    return body["data"]


def create_task(**fields) -> dict:
    """A new task of the caller's, on the demo's agent unless another is named. A dict with id and name."""
    fields = {"agentId": AGENT_ID, "name": f"client-{uuid.uuid4().hex}", **fields}
    return graphql(CREATE_TASK, {"input": fields})["createTask"]


def create_agent(**fields) -> dict:
    """A new agent of the caller's. A dict with id and name."""
    fields = {"name": f"client-{uuid.uuid4().hex[:12]}", "description": "an outside client's", "acpType": "ASYNC", **fields}
    return graphql(CREATE_AGENT, {"input": fields})["createAgent"]


def append_event(task: dict, text: str = "hello") -> str:
    """A new event of a task's. Its id."""
    content = {"type": "text", "author": "user", "content": text}
    fields = {"taskId": task["id"], "agentId": AGENT_ID, "content": content}
    return graphql(APPEND_EVENT, {"input": fields})["appendEvent"]["id"]
