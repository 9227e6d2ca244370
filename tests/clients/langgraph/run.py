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


@checkpointer_test(name="taskgate through the agentex SDK")
async def saver():
    # The saver speaks through the client's raw connection, so the headers have to be there.
    connection = httpx.AsyncClient(base_url=BASE_URL, headers=HEADERS, timeout=30, transport=ThreadsAreTasks())
    client = AsyncAgentex(base_url=BASE_URL, api_key="unused", max_retries=0, http_client=connection)
    yield HttpCheckpointSaver(client=client)
    await client.close()


async def main() -> int:
    report = await validate(saver)
    wrong = []
    for capability in BASE_CAPABILITIES:
        result = report.results.get(capability.value)
        if result is None or not result.detected:
            wrong.append(f"{capability.value}: not detected")
            continue
        print(f"{capability.value}: {result.tests_passed} passed, {result.tests_failed} failed")
        wrong += [f"{capability.value}: {failure}" for failure in result.failures]
    for line in wrong:
        print("WRONG", line)
    print(f"conformance level: {report.conformance_level()}")
    return 1 if wrong else 0


sys.exit(asyncio.run(main()))
