# What `ocr` runs on a host, by `sh -s`. It leaves nothing there, and its parts are bounded in time
# and size. Linux is tried (dash, bash, busybox, zsh's sh); macOS, by lsof, is not.
#
# fleet.script puts before it, quoted for the shell:
#   nonce  parts  seconds  proc  opencode_path  use_db  limit  sql  known_program  known_database,
#   and scan paths as arguments
#
# Each part is told as below; only lines that begin with the nonce mean anything.
#   <nonce> part NAME
#   what it has found, <nonce> item WORD before each of several answers
#   <nonce> said CODE      its exit code (124: the time was over), then what it wrote to stderr
#   <nonce> done NAME

main() {
    set +e +u +x +f +C
    unset CDPATH GREP_OPTIONS POSIXLY_CORRECT
    LC_ALL=C PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
    OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1 OPENCODE_DISABLE_LSP_DOWNLOAD=1
    OPENCODE_DISABLE_PROJECT_CONFIG=1 # nor are its own files put beside a repository's
    export LC_ALL PATH OPENCODE_DISABLE_AUTOUPDATE OPENCODE_DISABLE_MODELS_FETCH \
        OPENCODE_DISABLE_LSP_DOWNLOAD OPENCODE_DISABLE_PROJECT_CONFIG
    data=${XDG_DATA_HOME:-$HOME/.local/share}/opencode
    end=$(($(date +%s) + seconds)) # one for all: what comes late has what is left
    printf '\n%s begin 1\n' "$nonce"
    find_program
    case $parts in
        all) everything "$@" ;;
        servers) part servers 1048576 servers ;;
        detail) part detail 8388608 detail ;;
    esac
    printf '\n%s end\n' "$nonce"
}

# The two that start OpenCode take a second each, and one that hangs must not take the time of
# another, so all run side by side; each pipe keeps the words of one apart from those of the others.
everything() {
    scratch=
    if [ -n "$program" ] && [ ! -d "$data" ]; then
        scratch=$(mktemp -d) # an OpenCode that never ran makes its folders, whatever it is asked
    fi
    part opencode 65536 describe </dev/null | {
        part sessions 8388608 sessions "$@" </dev/null | {
            part host 65536 host </dev/null | {
                part servers 1048576 servers
                cat
            }
            cat
        }
        cat
    }
    [ -z "$scratch" ] || rm -rf "$scratch"
}

# OpenCode does not wait for a pipe to take what it says: 64 KiB come, and exit code 0. A file takes
# all; it has no name any more when it is written, so nobody has to remove it.
part() { # name, most octets, command
    name=$1 most=$2
    shift 2
    printf '\n%s part %s\n' "$nonce" "$name"
    {
        if file=$(mktemp); then
            exec 4>"$file" 5<"$file"
            rm -f "$file"
        else
            exec 4>&1 5</dev/null
        fi
        said=$(within "$@" 2>&1 >&4 </dev/null)
        code=$?
        cat <&5
        printf '\n%s said %s\n%s\n' "$nonce" "$code" "$said"
    } | head -c "$most"
    printf '\n%s done %s\n' "$nonce" "$name"
}

# timeout(1) is not everywhere, and leaves what a wrapper of opencode has started.
within() {
    "$@" 4>&- 5<&- &
    work=$!
    (
        trap 'kill "$!"; exit 1' TERM
        while [ "$(date +%s)" -lt "$end" ] && ! [ "$(wc -c </dev/fd/5)" -gt 33554432 ]; do
            sleep 1 &
            wait "$!"
        done
        trap '' TERM
        kill_tree "$work"
        exit 0
    ) >/dev/null 2>&1 4>&- &
    dog=$!
    wait "$work"
    code=$?
    kill "$dog" 2>/dev/null
    wait "$dog" && code=124
    return "$code"
}

# All are stopped first: what goes on while we look has children that we do not see, and the first
# must not go on when it sees its own gone.
kill_tree() {
    tree= seen=$1
    until [ "$tree" = "$seen" ]; do
        tree=$seen
        kill -STOP $tree
        seen=$(tree_of "$1")
    done
    kill -9 $tree
}

tree_of() {
    families | awk -v root="$1" '
        { parent[$1] = $2 }
        END {
            for (pid in parent) {
                for (up = pid; up in parent && up != root; up = parent[up]) continue
                if (up == root) print pid
            }
            print root
        }' | sort -un
}

families() {
    if [ -r /proc/self/status ]; then
        cat /proc/[0-9]*/status 2>/dev/null | awk '/^Pid:/ { pid = $2 } /^PPid:/ { print pid, $2 }'
    else
        ps -A -o pid= -o ppid=
    fi
}

find_program() {
    case $opencode_path in
        "~/"*) given=$HOME/${opencode_path#??} ;;
        */* | "") given=$opencode_path ;;
        *) given=$(command -v "$opencode_path" 2>/dev/null) ;;
    esac
    program=
    for place in "$given" "$(command -v opencode 2>/dev/null)" "$HOME/.opencode/bin/opencode" \
        "$HOME/.local/bin/opencode" "$HOME/bin/opencode" "$HOME/.bun/bin/opencode" \
        "$HOME/.npm-global/bin/opencode" "$HOME/.local/share/pnpm/opencode" \
        "$HOME/.volta/bin/opencode" "$HOME/.local/share/mise/shims/opencode" \
        "$HOME/.asdf/shims/opencode" /usr/local/bin/opencode /opt/homebrew/bin/opencode \
        /home/linuxbrew/.linuxbrew/bin/opencode "$HOME/.nix-profile/bin/opencode" \
        /run/current-system/sw/bin/opencode "$HOME"/.nvm/versions/node/*/bin/opencode; do
        case $place in /*) ;; *) continue ;; esac
        if [ -f "$place" ] && [ -x "$place" ]; then
            program=$place
            PATH=$PATH:${place%/*} # npm's older packages are scripts of the node beside them
            return
        fi
    done
}

describe() {
    printf 'program %s\n' "$program"
    if [ -n "$opencode_path" ] && [ "$program" != "$given" ]; then
        printf 'missing\n'
    fi
    [ -n "$program" ] || return 0
    real=$(readlink -f "$program" 2>/dev/null)
    package=${real%/bin/*}/package.json
    if grep -q '"name": *"opencode-ai"' "$package" 2>/dev/null; then
        # Two milliseconds; the program itself takes most of a second to say the same.
        sed -n 's/.*"version": *"\([^"]*\)".*/version \1/p' "$package"
    else
        # A program of another version has another size, time or place.
        mark=$({ printf '%s\n' "$real" && ls -lniL "$program"; } | cksum)
        printf 'file %s\n' "$mark"
        [ "$mark" = "$known_program" ] && return 0
        printf 'version '
        version
    fi
}

version() {
    if [ -n "$scratch" ]; then
        XDG_DATA_HOME=$scratch XDG_CONFIG_HOME=$scratch XDG_CACHE_HOME=$scratch \
            XDG_STATE_HOME=$scratch "$program" --version
    else
        "$program" --version
    fi
}

# Nothing of a repository may run because it was looked at: plugins of one that was only cloned, say.
# An OpenCode that does not know `--pure` says so and does nothing, in the first directory.
sessions() {
    [ -n "$program" ] || return 0
    if [ "$use_db" = 1 ] && has_database; then
        mark=$(database_mark)
        if [ "$mark" = "$known_database" ]; then
            printf '%s item unchanged\n' "$nonce"
            return 0
        fi
        printf '%s item mark\n%s\n' "$nonce" "$mark"
        printf '%s item db\n' "$nonce"
        "$program" db "$sql" --format json --pure && return 0
        printf '\n%s item failed\n' "$nonce"
    fi
    if has_database || [ -d "$data/storage/session" ]; then
        projects "$@" | while IFS= read -r place; do
            printf '\n%s item list\n' "$nonce"
            (
                cd "$place" 2>/dev/null || exit 0
                "$program" session list --format json -n "$limit" --pure </dev/null
            ) || exit
        done
    fi
}

detail() {
    if [ -z "$program" ] || ! has_database; then
        echo 'there is no opencode, or no database of its' >&2
        return 1
    fi
    "$program" db "$sql" --format json --pure
}

# Where there is none, OpenCode would make one.
has_database() {
    for file in "${OPENCODE_DB:-}" "$data"/opencode*.db; do
        [ -s "$file" ] && return 0
    done
    return 1
}

# What SQLite itself goes by (sqlite.org/walformat.html, 2.1): the head of the index of its log is
# another after every commit, however soon after the last, and no other after reading or a
# checkpoint. Sizes and times are not like that: the log is written from its start again, and
# `opencode db` touches the file. Without an index, each mark is like no other.
database_mark() {
    {
        case ${OPENCODE_DB:-/} in /*) ;; *) printf '%s\n' "$nonce" ;; esac
        for file in "${OPENCODE_DB:-}" "$data"/opencode*.db; do
            [ -s "$file" ] || continue
            ls -lniL "$file" | awk '{ print $1, $6 }'
            od -An -v -tx1 -N 48 "$file-shm" 2>/dev/null || printf '%s\n' "$nonce"
        done
    } | cksum
}

projects() {
    printf '%s\n' "$HOME"
    for place in "$@"; do
        case $place in
            "~") place=$HOME ;;
            "~/"*) place=$HOME/${place#??} ;;
        esac
        find "$place" -maxdepth 4 \( -name node_modules -o -name .cache -o -name .local \) -prune \
            -o \( -name .git -o -name .opencode \) -prune -print 2>/dev/null
    done | sed 's|/[^/]*$||' | awk '!seen[$0]++' | head -n 50
}

servers() {
    me=$(id -u)
    if [ -r "$proc/net/tcp" ]; then
        by_proc
    else
        by_lsof
    fi
}

# Nothing is started for a process that may not be one: there are hundreds.
by_proc() {
    listening=$(cat "$proc/net/tcp" "$proc/net/tcp6" 2>/dev/null |
        awk -v me="$me" '$4 == "0A" && $8 == me { print $10, $2 }') || return
    [ -n "$listening" ] || return 0
    for place in "$proc"/[0-9]*; do
        [ -O "$place" ] || continue
        comm=
        { read -r comm <"$place/comm"; } 2>/dev/null
        case $comm in
            opencode* | ocr-router | node | bun | python*) look_at "${place##*/}" ;;
        esac
    done
}

look_at() { # pid
    case $(tr '\0' ' ' <"$proc/$1/cmdline" 2>/dev/null) in
        *opencode* | *ocr-router*) ;;
        *) return ;;
    esac
    held=$(ls -l "$proc/$1/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p' | tr '\n' ' ')
    printf '%s\n' "$listening" | while read -r inode address; do
        case " $held" in
            *" $inode "*)
                tell "$1" "$address" "$(readlink "$proc/$1/cwd" | hex)" \
                    "$(head -c 4096 "$proc/$1/cmdline" | hex)" "$(secrets "$1" | hex)"
                ;;
        esac
    done
}

# A server's password is for its user. It goes through SSH to nobody else, and not to a disk.
secrets() {
    tr '\0' '\n' <"$proc/$1/environ" 2>/dev/null |
        grep -E '^(OCR_SERVER_ID|OPENCODE_SERVER_(USERNAME|PASSWORD))='
}

by_lsof() {
    lsof -nP -a -u "$me" -iTCP -sTCP:LISTEN -Fpn 2>/dev/null | while IFS= read -r line; do
        case $line in
            p*) pid=${line#p} ;;
            n*)
                words=$(ps -ww -o args= -p "$pid" </dev/null)
                case $words in *opencode* | *ocr-router*) ;; *) continue ;; esac
                cwd=$(lsof -a -p "$pid" -d cwd -Fn </dev/null 2>/dev/null | sed -n 's/^n//p')
                tell "$pid" "${line#n}" "$(printf '%s\n' "$cwd" | hex)" \
                    "$(printf '%s' "$words" | tr ' ' '\0' | hex)" ""
                ;;
        esac
    done
}

tell() { # pid, address, and in hexadecimal: directory, arguments, secrets
    printf 'server %s %s %s %s %s\n' "$1" "$2" "${3:--}" "${4:--}" "${5:--}"
}

hex() {
    od -An -v -tx1 | tr -d ' \n'
}

host() {
    printf 'system %s\n' "$(uname -sr)"
    printf 'cpus %s\n' "$(getconf _NPROCESSORS_ONLN || nproc || sysctl -n hw.ncpu)"
    printf 'load %s\n' "$(cat "$proc/loadavg" || sysctl -n vm.loadavg)"
    grep -E '^Mem(Total|Available):' "$proc/meminfo" ||
        printf 'MemTotal: %s\n' "$(($(sysctl -n hw.memsize) / 1024)) kB"
    printf 'disk %s\n' "$(df -kP "$HOME" | tail -n 1)"
}

main "$@" </dev/null
exit 0
