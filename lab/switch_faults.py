"""Plays the faults of switches' management: ``switch-unreachable`` and ``switch-drops``. Run as
``python -m lab.switch_faults <dir>``.

Without a fault it does nothing but look: the switches' own ovsdb-servers listen. Unreachable: the switch is told not to
listen, which ends its connections and refuses new ones. Drops: this process listens in its place, passes everything on,
and cuts the connection at the first transaction that would change something: before it is passed on (``when=before``, the
default) or after it was done but before the reply (``when=after``).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path

from lab import fabric, faults, settings
from lab.layout import OVSDB_PORT

log = logging.getLogger("switch_faults")
INTERVAL = 0.05  # seconds between looks at the faults
CHANGES = frozenset({"insert", "update", "mutate", "delete"})  # operations of RFC 7047, 5.2
CHUNK = 1 << 16


class Disobedience(RuntimeError):
    """A switch's ovsdb-server does not do as it is told."""


async def main(directory: Path) -> None:
    """Keep every switch's management as the lab's faults say, until ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    managed = [switch for switch in fabric.switches(settings.load(directory).layout) if switch.address]
    players = [Player(directory, switch) for switch in managed]
    written = None
    while True:
        version = faults.version(directory)
        try:
            for player in players:
                await player.follow()
        except Disobedience as error:
            log.error("%s", error)
        else:
            if version != written:
                _applied(directory).write_text(json.dumps(version))
                written = version
        await asyncio.sleep(INTERVAL)


def wait_applied(directory: Path, timeout: float = 5.0) -> bool:
    """Wait until the switches behave as the faults now say; False when they do not within ``timeout`` seconds."""
    wanted = faults.version(directory)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        path = _applied(directory)
        if path.exists() and path.read_text() == json.dumps(wanted):
            return True
        time.sleep(INTERVAL / 5)
    return False


def _applied(directory: Path) -> Path:
    return directory / "log" / "switch_faults.applied"


class Player:
    """One switch's management, and what stands in its place."""

    def __init__(self, directory: Path, switch: fabric.Switch):
        self.directory = directory
        self.switch = switch
        self.played: str | None = None
        self.stand_in: asyncio.Server | None = None
        self.connections: set[asyncio.Task] = set()
        self.known = False  # whether the switch was told anything yet

    async def follow(self) -> None:
        """Go over to the fault that strikes now, or back to none. A switch that does not obey is told again later."""
        kinds = ("switch-unreachable", "switch-drops")
        wanted = next((kind for kind in kinds if faults.active(self.directory, kind, self.switch.name)), None)
        if wanted == self.played and self.known:
            return
        log.info("%s: %s", self.switch.name, wanted or "as it should be")
        # After the last drop this process goes on passing everything on: if the switch took over again, there would be
        # a moment in which nobody listens, and a client that tries again at once would meet a second fault.
        if wanted == "switch-unreachable":
            self._cut_all()
        if wanted == "switch-unreachable" or (wanted == "switch-drops" and not self.stand_in):
            await self._listen(False)
        if wanted == "switch-drops" and not self.stand_in:
            self.stand_in = await asyncio.start_server(self._pass_on, self.switch.address, OVSDB_PORT)
        if wanted is None and not self.stand_in:
            await self._listen(True)
        self.played, self.known = wanted, True

    def _cut_all(self) -> None:
        """Stand in no longer, and end the connections that were passed on."""
        if self.stand_in:
            self.stand_in.close()
            self.stand_in = None
        for connection in self.connections:
            connection.cancel()

    async def _listen(self, wanted: bool) -> None:
        """Have the switch's own ovsdb-server listen, or not."""
        if (self.switch.remote in (await self._tell("list-remotes")).split()) != wanted:
            await self._tell("add-remote" if wanted else "remove-remote", self.switch.remote)

    async def _tell(self, command: str, *arguments: str) -> str:
        """:raises Disobedience: with the words of the ovsdb-server."""
        process = await asyncio.create_subprocess_exec(
            "ovs-appctl", "-t", str(self.switch.database_control), f"ovsdb-server/{command}", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _errors = await process.communicate()
        if process.returncode:
            raise Disobedience(f"{self.switch.name}: {command}: {output.decode().strip()}")
        return output.decode()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client to the switch, until one side closes it or the fault strikes."""
        task = asyncio.current_task()
        self.connections.add(task)
        try:
            switch_reader, switch_writer = await asyncio.open_unix_connection(str(self.switch.database_socket))
            try:
                await Connection(self, reader, writer, switch_reader, switch_writer).run()
            finally:
                switch_writer.transport.abort()
        except asyncio.CancelledError:
            log.info("%s: connection cut: unreachable", self.switch.name)
        finally:
            writer.transport.abort()
            self.connections.discard(task)

    def strike(self) -> str | None:
        """If the fault still strikes, count it, and say when: ``before`` or ``after``."""
        fault = faults.active(self.directory, "switch-drops", self.switch.name)
        if fault is None:
            return None
        faults.consume(self.directory, "switch-drops", self.switch.name)
        when = fault["parameters"].get("when", "before")
        log.info("%s: connection cut %s the change", self.switch.name, when)
        return when


class Connection:
    """A client's JSON-RPC passing through to a switch."""

    def __init__(self, player: Player, reader, writer, switch_reader, switch_writer):
        self.player = player
        self.reader, self.writer = reader, writer
        self.switch_reader, self.switch_writer = switch_reader, switch_writer
        self.muted_until: object = None  # the id of the reply that shall be lost

    async def run(self) -> None:
        directions = [asyncio.create_task(self._requests()), asyncio.create_task(self._replies())]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in directions:
                task.cancel()
        outcomes = await asyncio.gather(*directions, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, ConnectionError):
                log.info("%s: connection ended: %s", self.player.switch.name, outcome)
            elif isinstance(outcome, Exception):
                raise outcome

    async def _requests(self) -> None:
        stream = Messages()
        while data := await self.reader.read(CHUNK):
            for message, text in stream.feed(data):
                when = self.player.strike() if changes_something(message) else None
                if when == "before":
                    return
                if when == "after":
                    self.muted_until = message["id"]
                self.switch_writer.write(text.encode())
            await self.switch_writer.drain()

    async def _replies(self) -> None:
        stream = Messages()
        while data := await self.switch_reader.read(CHUNK):
            for message, text in stream.feed(data):
                if self.muted_until is None:
                    self.writer.write(text.encode())
                elif message.get("id") == self.muted_until and "result" in message:
                    return
            await self.writer.drain()


class Messages:
    """Cuts a stream of JSON texts, one after another without a separator, into messages."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, data: bytes) -> list[tuple[dict, str]]:
        """The messages that are complete now: (message, its text)."""
        self.rest += data
        try:
            text = self.rest.decode()
        except UnicodeDecodeError:  # ends within a character
            return []
        found = []
        while text := text.lstrip():
            try:
                message, end = json.JSONDecoder().raw_decode(text)
            except json.JSONDecodeError:  # the end is still to come
                break
            found.append((message, text[:end]))
            text = text[end:]
        self.rest = text.encode()
        return found


def changes_something(message: dict) -> bool:
    """Whether a JSON-RPC message asks for a transaction that changes the database (RFC 7047, 4.1.3)."""
    return message.get("method") == "transact" and any(
        isinstance(operation, dict) and operation.get("op") in CHANGES for operation in message["params"][1:])


if __name__ == "__main__":
    os.chdir("/")
    asyncio.run(main(Path(sys.argv[1])))
