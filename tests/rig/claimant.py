"""Another user's server that looks like an OpenCode server of ours, but for whose it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.stranger import UID, heard, stranger, tell

_CLAIM = """
import os, sys, tempfile
folder = tempfile.mkdtemp()
path = folder + "/opencode"
with open(path, "w") as file:
    file.write("#!" + sys.executable + " -IS\\n" + sys.argv[1])
os.chmod(path, 0o755)
os.chdir(sys.argv[3])
os.execv(path, [path, "serve", "--port", *sys.argv[2:]])
"""
# A server that says of itself what the real one would, and counts who comes.
_SERVER = """
import json, os, select, socket, sys, time
os.remove(sys.argv[0])
os.rmdir(os.path.dirname(sys.argv[0]))
port, directory = int(sys.argv[3]), sys.argv[4]
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
print("ready", flush=True)
while True:
    try:
        server.bind(("127.0.0.1", port))
        server.listen(1000)
        break
    except OSError:
        time.sleep(0.0005)
print("listening", flush=True)
answers = {
    "/path": {"directory": directory, "worktree": directory},
    "/global/health": {"healthy": True, "version": "1.18.33"},
    "/session/status": {},
    "/project/current": {"id": "global", "worktree": directory},
}
open_, came, said = [sys.stdin, server], 0, b""
while True:
    for one in select.select(open_, [], [])[0]:
        if one is sys.stdin:
            print(json.dumps([came, said.decode("latin-1")]), flush=True)
            sys.exit()
        if one is server:
            open_.append(server.accept()[0])
            came += 1
            continue
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        said += data
        if not data:
            open_.remove(one)
            one.close()
            continue
        target = data.split(b" ")[1].decode().partition("?")[0] if b" " in data else "/"
        body = json.dumps(answers.get(target, [])).encode()
        head = "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n"
        kind = "Content-Type: application/json\\r\\n\\r\\n"
        one.sendall((head % len(body) + kind).encode() + body)
"""


@contextmanager
def claimant(port: int, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a server that claims a directory on a port; it says ``listening`` when it got that."""
    with stranger(UID, _CLAIM, _SERVER, port, directory) as other:
        assert heard(other) == "ready"
        yield other


def counted(other: subprocess.Popen[str]) -> tuple[int, str]:
    """End it; return how many connections came, and all that they said."""
    tell(other)
    came, said = json.loads(heard(other))
    return int(came), str(said)
