# SPDX-License-Identifier: Apache-2.0
"""Python's websockets against the server under test. Prints TAP.

    python3 websockets_client.py 127.0.0.1:8529
"""

import asyncio
import os
import re
import signal
import sys
import urllib.request

import websockets

SERVER = sys.argv[1]
ALARM_S = 120
WAIT_S = 20


class Tap:
    """Counts and prints."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, good, name, note=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}", flush=True)
        if not good and note:
            print(f"# {note}")

    def equal(self, got, wanted, name):
        self.ok(got == wanted, name, f"got {got!r}, wanted {wanted!r}")


TAP = Tap()
ROOM = f"python-{os.getpid()}"


def connect(path, **options):
    options = {"max_size": 2**22, "ping_interval": None, **options}
    return websockets.connect(f"ws://{SERVER}{path}", **options)


async def recv(client):
    return await asyncio.wait_for(client.recv(), WAIT_S)


def request(method, path, body=None, headers=None):
    ask = urllib.request.Request(
        f"http://{SERVER}{path}", data=body, method=method, headers=headers or {}
    )
    with urllib.request.urlopen(ask, timeout=WAIT_S) as answer:
        return answer.status, answer.headers, answer.read()


async def publish(body):
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(
        None, request, "POST", f"/pub/{ROOM}", body, {"Content-Type": "text/plain"}
    )


async def check_echo():
    async with connect("/echo/python") as client:
        for text in ("", "hello", "你好 👋", "x" * 125, "x" * 126, "y" * 65536):
            await client.send(text)
            TAP.equal(await recv(client), text, f"{len(text)} characters")
        await client.send(bytes(range(256)))
        TAP.equal(await recv(client), bytes(range(256)), "bytes are bytes")
        # websockets sends one fragment per piece of an iterable
        await client.send(["one ", "two ", "thr", "ee"])
        TAP.equal(await recv(client), "one two three", "fragments are put together")
        await asyncio.wait_for(await client.ping(b"there?"), WAIT_S)
        TAP.ok(True, "a ping is answered with its payload")
        await client.close(code=4321, reason="bye")
        TAP.equal(client.close_code, 4321, "the close code is echoed")


async def check_push():
    async with connect(f"/sub/{ROOM}") as first, connect(f"/sub/{ROOM}") as second:
        status, headers, _ = await publish(b"zero")
        TAP.equal(status, 201, "a publish with subscribers is 201")
        TAP.ok(
            re.fullmatch(r"\d+:\d+", headers.get("WSPush-Id", "")) is not None,
            "the answer has the id",
            str(headers),
        )
        for number in range(1, 100):
            await publish(b"%d" % number)
        wanted = ["zero"] + [str(number) for number in range(1, 100)]
        for client in (first, second):
            got = [await recv(client) for _ in range(100)]
            TAP.equal(got, wanted, "100 messages, in order, once")


async def check_pubsub():
    async with connect(f"/push/{ROOM}") as speaker, connect(
        f"/push/{ROOM}", subprotocols=["ws+meta.wspush"]
    ) as listener:
        TAP.equal(listener.subprotocol, "ws+meta.wspush", "the subprotocol is taken")
        await speaker.send("to all")
        TAP.equal(await recv(speaker), "to all", "the sender hears itself")
        text = await recv(listener)
        TAP.ok(
            text.startswith("id: ") and text.endswith("\n\nto all"),
            "the other has it with its id",
            text,
        )


async def check_ends():
    async with connect(f"/push/{ROOM}") as client:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, request, "DELETE", f"/pub/{ROOM}")
        try:
            await recv(client)
        except websockets.ConnectionClosed:
            pass
        TAP.equal(client.close_code, 1001, "a deleted channel closes with 1001")
    try:
        async with connect("/push/x", origin="https://elsewhere.example"):
            status = 101
    except websockets.InvalidStatusCode as refusal:
        status = refusal.status_code
    TAP.equal(status, 403, "a foreign page's Origin is refused")


async def main():
    await check_echo()
    await check_push()
    await check_pubsub()
    await check_ends()


signal.alarm(ALARM_S)
asyncio.run(main())
print(f"1..{TAP.count}")
sys.exit(1 if TAP.failed else 0)
