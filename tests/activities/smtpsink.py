"""A small mail server on the loopback that keeps what it takes, and can be told to misbehave."""

import socketserver
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

Script = Callable[[str], str | None]
"""Given a step (greeting, mail, rcpt, data, body): a line to answer instead, "" to hang up, None for yes."""

YES = {"mail": "250 ok", "rcpt": "250 ok", "data": "354 go on", "body": "250 taken", "greeting": "220 sink"}


class Sink:
    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.connections = 0
        self.script: Script = lambda _step: None
        self._server = _Server(("127.0.0.1", 0), _Talk, bind_and_activate=True)
        self._server.sink = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for raw in self.raw]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    sink: Sink

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in mid-sentence is what some tests are about."""


class _Talk(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.sink.connections += 1
        talking = self._answer("greeting")
        while talking and (line := self.rfile.readline().decode().strip()):
            verb = line[:4].upper()
            if verb == "QUIT":
                self._speak("221 bye")
                return
            talking = self._answer(verb.lower()) if verb in {"MAIL", "RCPT", "DATA"} else self._speak("250 ok")
            if talking == "354":
                talking = self._take_body()

    def _take_body(self) -> str:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return ""
            lines.append(line)
        reply = self._reply("body")
        if reply.startswith("250") or not reply:
            self.server.sink.raw.append(b"".join(lines))
        return self._speak(reply)

    def _answer(self, step: str) -> str:
        return self._speak(self._reply(step))

    def _reply(self, step: str) -> str:
        told = self.server.sink.script(step)
        return YES[step] if told is None else told

    def _speak(self, reply: str) -> str:
        """Say it and return its code; "" hangs up."""
        if reply:
            self.wfile.write(f"{reply}\r\n".encode())
        return reply[:3]
