"""LangGraph's own conformance suite for checkpoint savers, through the official SDK's saver, against a
real server. Exits with 1 unless every base capability is there and passes.

The suite makes thread ids up; here a thread is a task. The transport below makes a task the first
time it sees a thread, and translates between the two in requests and answers.
"""

import asyncio
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import httpx
from agentex import AsyncAgentex
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import BASE_CAPABILITIES

from sdk_saver import HttpCheckpointSaver
from taskgate import BASE_URL, HEADERS, create_task


class ThreadsAreTasks(httpx.AsyncHTTPTransport):
    def __init__(self):
        super().__init__()
        self.tasks = {}

    async def task(self, thread: str) -> str:
        if thread not in self.tasks:
            made = await asyncio.to_thread(create_task, name=f"{thread}-{len(self.tasks)}")
            self.tasks[thread] = made["id"]
        return self.tasks[thread]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(await request.aread())
        body["thread_id"] = await self.task(body["thread_id"])
        headers = {key: value for key, value in request.headers.items() if key not in ("content-length", "accept-encoding")}
        translated = httpx.Request(request.method, request.url, headers=headers, json=body, extensions=request.extensions)
        answer = await super().handle_async_request(translated)
        content = await answer.aread()
        for thread, task in self.tasks.items():
            content = content.replace(json.dumps(task).encode(), json.dumps(thread).encode())
        headers = [(key, value) for key, value in answer.headers.multi_items() if key not in ("content-length", "transfer-encoding")]
        return httpx.Response(answer.status_code, headers=headers, content=content, request=request)


class Completed(HttpCheckpointSaver):
    """The saver with the one thing it leaves out: its list answers heads only, since that is all the wire's
    list carries, and the suite asks for the pending writes of what was listed."""

    async def alist(self, config, **narrowed):
        async for item in super().alist(config, **narrowed):
            yield await self.aget_tuple(item.config)


# What the saver as it is shipped cannot pass on any server.
LEFT_OUT = {"list": ["test_list_includes_pending_writes"]}


async def run(name: str, kind: type, left_out: dict) -> list[str]:
    """Runs the suite through a kind of saver. What went wrong."""

    @checkpointer_test(name=name)
    async def saver():
        # The saver speaks through the client's raw connection, so the headers have to be there.
        connection = httpx.AsyncClient(base_url=BASE_URL, headers=HEADERS, timeout=30, transport=ThreadsAreTasks())
        client = AsyncAgentex(base_url=BASE_URL, api_key="unused", max_retries=0, http_client=connection)
        yield kind(client=client)
        await client.close()

    report = await validate(saver)
    wrong = []
    for capability in BASE_CAPABILITIES:
        result = report.results.get(capability.value)
        if result is None or not result.detected:
            wrong.append(f"{name}: {capability.value} is not detected")
            continue
        print(f"{name}: {capability.value}: {result.tests_passed} passed, {result.tests_failed} failed")
        known = left_out.get(capability.value, [])
        wrong += [f"{name}: {failure}" for failure in result.failures if not any(test in failure for test in known)]
    return wrong


async def main() -> int:
    wrong = await run("as shipped", HttpCheckpointSaver, LEFT_OUT)
    wrong += await run("completed", Completed, {})
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


sys.exit(asyncio.run(main()))
