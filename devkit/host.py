"""A real ComfyUI in a process of its own, and a small client for its queue.

The tests and `python dev.py demo` drive ComfyUI through this file and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devkit import frontends, places

READY_SECONDS = 180
RUN_SECONDS = 300
NOT_THE_PACK = (".dev", ".git", "output", "__pycache__", ".*_cache", "node_modules", "tests")

Prompt = dict[str, dict[str, Any]]


class HostError(RuntimeError):
    """ComfyUI did not start, died, or did not answer; the message ends with its log."""


class Refused(HostError):
    """ComfyUI did not take a prompt; `answer` is what it said, `status` the HTTP status."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"ComfyUI refuses the prompt ({status}): {json.dumps(answer)}")
        self.status, self.answer = status, answer


@dataclass(frozen=True)
class Result:
    """What one queued prompt came to.

    Args:
        prompt_id: the host's name for it.
        outputs: node id -> what the node showed, as `{"images": [{"filename": ...}]}`.
        history: the host's history entry.
        events: every message about this prompt, in order, as `{"type": ..., "data": ...}`.
        previews: the live previews that nodes sent meanwhile, in order, as files (JPEG or PNG).
    """

    prompt_id: str
    outputs: dict[str, dict[str, Any]]
    history: dict[str, Any]
    events: list[dict[str, Any]] = field(repr=False)
    previews: list[bytes] = field(default_factory=list, repr=False)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Returns the data of the events of one type, in order."""
        return [event["data"] for event in self.events if event["type"] == kind]

    @property
    def cached(self) -> set[str]:
        """Ids of the nodes whose results were taken from the cache."""
        return {node for data in self.of_type("execution_cached") for node in data["nodes"]}

    @property
    def executed(self) -> list[str]:
        """Ids of the nodes that ran, in order."""
        return [data["node"] for data in self.of_type("executing") if data.get("node")]

    @property
    def progress(self) -> list[dict[str, Any]]:
        """The progress bars' updates: `{"node": id, "value": v, "max": m}`."""
        return self.of_type("progress")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Execution errors, with `node_id`, `exception_type` and `exception_message`."""
        return self.of_type("execution_error")

    @property
    def interrupted(self) -> bool:
        return bool(self.of_type("execution_interrupted"))

    @property
    def succeeded(self) -> bool:
        return bool(self.of_type("execution_success"))


class HostProcess:
    """ComfyUI with this pack and nothing else, in a base directory of its own.

    Use it as a context manager, or call `start` and `stop`.

    Args:
        port: the port to listen on; None takes a free one.
        base: the base directory; None makes a temporary one, which `stop` removes.
        cpu: without a GPU, even where there is one.
        arguments: further arguments for ComfyUI's main.py.
    """

    def __init__(
        self,
        port: int | None = None,
        base: Path | None = None,
        cpu: bool = True,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.temporary = base is None
        self.base = base or Path(tempfile.mkdtemp(prefix="motion_i2v_host_"))
        self.input_dir = self.base / "input"
        self.output_dir = self.base / "output"
        self.log_file = self.base / "comfyui.log"
        self.cpu = cpu
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> HostProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """Everything that ComfyUI has written so far."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def start(self) -> HostProcess:
        """Starts ComfyUI and waits until it answers.

        Raises:
            HostError: where it ends or does not answer within READY_SECONDS.
        """
        for folder in ("custom_nodes", "input", "output", "temp", "user", "models"):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        put_pack(self.base / "custom_nodes")
        command = [str(places.comfyui_python()), "-u", str(places.comfyui() / "main.py")]
        command += ["--port", str(self.port), "--base-directory", str(self.base), *self._flags()]
        # Its own session: Ctrl-C in the terminal reaches us alone, and we end it in order.
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=places.comfyui(),
                env=environment(),
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _flags(self) -> list[str]:
        return [
            *(("--cpu",) if self.cpu else ()),
            *("--disable-api-nodes", "--disable-auto-launch"),
            *("--database-url", "sqlite:///:memory:"),
            *("--disable-all-custom-nodes", "--whitelist-custom-nodes", places.PACK),
            *frontends.flags(),
            *self.arguments,
        ]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if not self.alive:
                raise self._failure("ComfyUI ended while starting")
            try:
                self.get("/system_stats", timeout=5)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise self._failure(f"ComfyUI did not answer within {READY_SECONDS} s")

    def _failure(self, what: str) -> HostError:
        return HostError(f"{what}. The end of its log:\n{self.log_tail}")

    @property
    def log_tail(self) -> str:
        return "\n".join(self.log.splitlines()[-25:])

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ends ComfyUI and removes the base directory if it was temporary."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.temporary:
            remove_pack(self.base / "custom_nodes")
            shutil.rmtree(self.base, ignore_errors=True)

    def wait(self) -> int:
        """Waits until ComfyUI ends by itself and returns its exit code."""
        assert self.process is not None, "start it first"
        return self.process.wait()

    def get(self, path: str, timeout: float = 60) -> Any:
        """Returns the JSON answer to a GET."""
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Returns status and JSON answer (None where there is none) of a POST."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        return status, json.loads(text) if text.strip() else None

    def post_prompt(self, prompt: Prompt, client: str | None = None) -> tuple[int, Any]:
        """Queues a prompt (API format) and returns status and answer, whatever they are."""
        body: dict[str, Any] = {"prompt": prompt}
        if client:
            body["client_id"] = client
        return self.post("/prompt", body)

    def object_info(self) -> dict[str, Any]:
        """Returns what the host says of its nodes: id -> description."""
        return self.get("/object_info")

    def history(self, prompt_id: str) -> dict[str, Any]:
        """Returns the history entry of a prompt, {} while there is none."""
        return self.get(f"/history/{prompt_id}").get(prompt_id, {})

    def interrupt(self) -> None:
        """Asks the host to interrupt the prompt that runs."""
        self.post("/interrupt", {})

    def run(
        self,
        prompt: Prompt,
        timeout: float = RUN_SECONDS,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> Result:
        """Queues a prompt (API format) and waits until its execution has ended.

        Args:
            prompt: node id -> `{"class_type": ..., "inputs": ...}`.
            timeout: seconds without any message after which it gives up.
            on_event: called with every message about this prompt as it comes.

        Raises:
            Refused: where the host does not take the prompt.
            HostError: where it dies or falls silent.
        """
        import websocket  # the one package beyond the standard library; setup brings it

        client = uuid.uuid4().hex
        address = f"ws://127.0.0.1:{self.port}/ws?clientId={client}"
        connection = websocket.create_connection(address, timeout=timeout)
        try:
            status, answer = self.post_prompt(prompt, client)
            if status != 200:
                raise Refused(status, answer)
            prompt_id = answer["prompt_id"]
            events, previews = self._listen(connection, prompt_id, on_event)
        except (websocket.WebSocketException, OSError) as error:
            raise self._failure(f"ComfyUI stopped answering ({error!r})") from error
        finally:
            connection.close()
        history = self.history(prompt_id)
        return Result(prompt_id, history.get("outputs", {}), history, events, previews)

    def _listen(
        self,
        connection: Any,
        prompt_id: str,
        on_event: Callable[[dict[str, Any]], None] | None,
    ) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Returns a prompt's events, and the previews, once the host says that nothing runs."""
        events: list[dict[str, Any]] = []
        previews: list[bytes] = []
        while True:
            message = connection.recv()
            if not isinstance(message, str):
                previews.append(message[8:])  # after the kinds of message and of picture
                continue
            event = json.loads(message)
            data = event.get("data", {})
            if data.get("prompt_id") != prompt_id:
                continue
            events.append(event)
            if on_event is not None:
                on_event(event)
            # The history is written before this message, and after execution_success.
            if event["type"] == "executing" and data.get("node") is None:
                return events, previews

    def files(self, result: Result) -> list[Path]:
        """Returns the files in the output folder that a prompt's nodes wrote."""
        return [
            self.output_dir / entry["subfolder"] / entry["filename"]
            for output in result.outputs.values()
            for entries in output.values()
            for entry in entries
            if isinstance(entry, dict) and entry.get("type") == "output"
        ]


def environment() -> dict[str, str]:
    """Returns the environment that ComfyUI runs in."""
    # Spinning OpenMP threads make small prompts ten times slower where cores are few.
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def free_port() -> int:
    """Returns a port on this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def put_pack(folder: Path, name: str = places.PACK) -> None:
    """Links the checkout into a folder, or copies it where links are not allowed."""
    target = folder / name
    if target.is_symlink() and target.resolve() == places.ROOT:
        return
    remove_pack(folder, name)
    try:
        target.symlink_to(places.ROOT, target_is_directory=True)
    except OSError:  # Windows without developer mode
        shutil.copytree(places.ROOT, target, ignore=shutil.ignore_patterns(*NOT_THE_PACK))


def remove_pack(folder: Path, name: str = places.PACK) -> None:
    """Removes the link or the copy; never what the link points at."""
    target = folder / name
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
