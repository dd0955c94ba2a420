"""Scripts that start and end servers on a host, see ``scripts``."""

from __future__ import annotations

from collections.abc import Sequence

from opencoderouter.core.fleet.scripts import script

LIMIT = 60  # seconds that a server for a moment may live, whatever becomes of us
PATIENCE = 30  # seconds for a server to listen

_LISTEN = rf"""
# The mark by which our servers are known, and a password where their environment can be read back:
# nobody could find it again elsewhere. No secret of a router goes to an agent.
secret() {{
  unset OCR_PASSWORD OCR_BACKEND OCR_TOKEN OPENCODE_SERVER_USERNAME OPENCODE_SERVER_PASSWORD
  export OCR_SERVER_ID="$(random 16)"
  [ -r /proc/self/environ ] || return 0
  export OPENCODE_SERVER_USERNAME=opencode OPENCODE_SERVER_PASSWORD="$(random 32)"
  [ ${{#OPENCODE_SERVER_PASSWORD}} -eq 64 ] || fail random
}}
random() {{ od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }}
prepare() {{
  state=${{XDG_STATE_HOME:-$HOME/.local/state}}/opencoderouter/fleet
  log=$state/$1-$(pwd -P | cksum | cut -d ' ' -f 1).log
  (umask 077 && mkdir -p -- "$state" && rm -f -- "$log" && : >"$log") 2>/dev/null || fail state
}}
# In its own session, and no child of this shell: who asked may go.
launch() {{
  session=$(command -v setsid)
  pid=$(nohup $session "$program" serve "$@" </dev/null >"$log" 2>&1 & echo $!)
}}
alive() {{
  kill -0 "$1" 2>/dev/null || return 1
  case $(ps -p "$1" -o stat= 2>/dev/null) in Z*) return 1 ;; esac  # nobody has waited for it
}}
listening() {{
  i=0
  while [ $i -lt {PATIENCE * 10} ]; do
    port=$(sed -n 's/^opencode server listening on http:.*:\([0-9][0-9]*\).*$/\1/p' "$log")
    [ -z "$port" ] || return 0
    alive "$pid" || return 1
    nap
    i=$((i + 1))
  done
  kill "$pid" 2>/dev/null
  return 1
}}
not_listening() {{ fail start "$(tail -c 2000 "$log")"; }}
"""


def start(program: str, directory: str) -> bytes:
    """Start a server that stays: its ``port``, ``directory`` and ``password``, which is new."""
    return script(
        f"""{_LISTEN}
enter "$directory"
find_program
secret
prepare serve
launch --hostname 127.0.0.1 --port 0 --no-mdns
listening || not_listening
say "port $port" "password ${{OPENCODE_SERVER_PASSWORD:-}}"
real_path
""",
        program=program,
        directory=directory,
    )


def moment(program: str, directory: str) -> bytes:
    """Start a server that ends with its ``lease``, or after LIMIT seconds: ``port``, ``password``.

    It has no plugins: nobody works with it, and a repository's would run unasked.
    Its parent is a shell that waits for that, so that the pid is its own for as long as needed.
    """
    return script(
        f"""{_LISTEN}
enter "$directory"
find_program
secret
prepare moment-$$
lease=$log.lease
(umask 077 && : >"$lease") || fail state
nohup sh -c '
  "$0" serve --hostname 127.0.0.1 --port 0 --no-mdns --pure >"$1" 2>&1 &
  i=0
  while [ -e "$2" ] && [ $i -lt {LIMIT * 5} ] && kill -0 $! 2>/dev/null; do
    sleep 0.2 2>/dev/null || sleep 1
    i=$((i + 1))
  done
  kill $! 2>/dev/null
  wait $!
  [ -e "$2" ] || rm -f -- "$1"
  rm -f -- "$2"
' "$program" "$log" "$lease" </dev/null >/dev/null 2>&1 &
pid=$!
listening || not_listening
say "port $port" "lease $lease" "password ${{OPENCODE_SERVER_PASSWORD:-}}"
""",
        program=program,
        directory=directory,
    )


def end(lease: str) -> bytes:
    """Have a server end that was started for a moment: then its log is gone, too."""
    return script(_END, lease=lease)


_END = """
rm -f -- "$lease"
i=0
while [ -e "${lease%.lease}" ] && [ $i -lt 50 ]; do
  nap
  i=$((i + 1))
done
"""


# What a process was started with, from the kernel: its arguments after `serve`, its environment. A
# value of several lines is cut; what belongs to the shell and to this script stays as it is.
_AGAIN = r"""
directory_of() {
  readlink "/proc/$1/cwd" 2>/dev/null || lsof -a -p "$1" -d cwd -Fn 2>/dev/null | sed -n 's/^n//p'
}
is_server() {
  [ "$(directory_of "$1")" = "$(pwd -P)" ] || return 1
  case " $(ps -ww -p "$1" -o args= 2>/dev/null) " in
    *opencode*" serve "* | *opencode*" web "*) ;;
    *) return 1 ;;
  esac
}
is_guarded() {
  case $(ps -ww -p "$(ps -p "$1" -o ppid= | tr -d ' ')" -o args= 2>/dev/null) in
    *opencoderouter* | *ocr-router*) return 0 ;;
  esac
  return 1
}
lines() { tr '\0' '\n' <"/proc/$1/$2" 2>/dev/null; }
inherit() {
  while IFS= read -r line; do
    case ${line%%=*} in
      UID | EUID | PPID | SHELLOPTS | BASHOPTS | PWD | OLDPWD | SHLVL | _) ;;
      program | directory | arguments | port | pid | log | state | session) ;;
      serving | before | i | line) ;;
      '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
      *) case $line in *=*) export "$line" ;; esac ;;
    esac
  done <<END
$(lines "$1" environ)
END
}
stop() {
  kill -TERM "$1" 2>/dev/null
  i=0
  while alive "$1"; do
    [ $i -lt 100 ] || fail alive "$1"
    nap
    i=$((i + 1))
  done
}
relaunch() {
  serving= before=
  set --
  while IFS= read -r line; do
    case $before$line in --port0 | --port=0) line=${line%0}$port ;; esac  # any: it has had one
    if [ -n "$serving" ]; then set -- "$@" "$line"; fi
    case $line in serve | web) serving=yes ;; esac
    before=$line
  done <<END
$arguments
END
  case " $*" in *' --port'*) ;; *) set -- "$@" --port "$port" ;; esac
  case " $*" in *' --hostname'*) ;; *) set -- "$@" --hostname 127.0.0.1 ;; esac
  launch "$@"
}
"""


def restart(program: str, directory: str, servers: Sequence[tuple[int, int]]) -> bytes:
    """End these servers (pid, port) of a directory, and start one as the first was: ``port``.

    Each is looked at again: a pid may be another process by now. It keeps arguments, environment
    and password of the first where the kernel tells them. A router's are left to the router.
    """
    pids = " ".join(str(pid) for pid, _ in servers)
    first, port = servers[0]
    return script(
        f"""{_LISTEN}{_AGAIN}
enter "$directory"
find_program
for pid in {pids}; do
  is_server "$pid" || fail changed "$pid"
  ! is_guarded "$pid" || fail guarded "$pid"
done
arguments=$(lines {first} cmdline)
inherit {first}
for pid in {pids}; do stop "$pid"; done
prepare serve
port={port}
relaunch
listening || {{ launch --hostname 127.0.0.1 --port 0 --no-mdns; listening || not_listening; }}
say "port $port" "pid $pid"
""",
        program=program,
        directory=directory,
    )
