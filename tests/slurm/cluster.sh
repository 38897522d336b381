#!/usr/bin/env bash
# A real Slurm of two nodes with three fake GPUs on this machine, by hand: no systemd.
# Debian, root. Everything it starts is stopped by its process id.
#
#   cluster.sh start [accounting] | stop
#                              accounting: with a database (slurmdbd, mariadb-server), in
#                              which root has the account `lab`, and limits hold
#   cluster.sh kill NODE       its slurmd dies; what runs there goes on, unseen
#   cluster.sh crash NODE      everything that runs there dies at once
#   cluster.sh revive NODE
#   cluster.sh kill controller | revive controller
#   cluster.sh restart controller
#
# SLURM_TEST_STATE is the folder of configuration, logs and state. /etc/slurm gets links
# to it, as jobs drop SLURM_CONF; with another Slurm there, the exit code is 3.
set -euo pipefail
STATE=${SLURM_TEST_STATE:-/tmp/fernn-test-slurm}
NODES="node1 node2"
FILES="slurm.conf gres.conf"
export MYSQL_UNIX_PORT=$STATE/run/database.sock
HERE=$(cd "$(dirname "$0")" && pwd)

fail() { echo "cluster.sh: $1" >&2; exit "${2:-1}"; }

# A process that waits to be reaped is gone.
running() { grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"; }

alive() { [ -f "$STATE/run/$1.pid" ] && running "$(cat "$STATE/run/$1.pid")"; }

# Signal a daemon and wait until it is gone: slurmctld writes its state as it exits.
end() {
    alive "$1" || return 0
    local pid tenth
    pid=$(cat "$STATE/run/$1.pid")
    kill "$2" "$pid" 2> /dev/null || true
    for tenth in $(seq 200); do
        running "$pid" || return 0
        [ "$tenth" != 150 ] || kill -KILL "$pid" 2> /dev/null || true
        sleep 0.1
    done
    fail "$1 (process $pid) does not end"
}

# Processes on a node: Slurm's have its log open, those of a job are of their session.
# Others end while we look, which is no error.
on_node() {
    local pid
    for pid in $(find /proc/[0-9]*/fd -lname "$STATE/log/$1.log" 2> /dev/null | cut -d/ -f3); do
        echo "$pid"
        [ "$(cat "/proc/$pid/comm" 2> /dev/null)" != slurmstepd ] ||
            ps -o pid= --sid "$(ps -o sid= -p "$pid")" 2> /dev/null || true
    done
}

crash() {
    local pids
    for _ in $(seq 20); do
        pids=$(on_node "$1" | sort -u)
        [ -n "$pids" ] || return 0
        echo "$pids" | xargs kill -KILL 2> /dev/null || true
        sleep 0.2
    done
    fail "processes on $1 do not end: $(echo "$pids" | paste -sd ' ')"
}

# Links in /etc/slurm to files of ours; those of a cluster that runs no more are replaced.
link() {
    local place=/etc/slurm/$1 file=$STATE/fernn-test-slurm/$1 target
    target=$(readlink "$place" || true)
    if [[ $target == */fernn-test-slurm/$1 ]] &&
        ! (STATE=${target%/fernn-test-slurm/*} && alive controller); then
        rm "$place"
    fi
    [ -e "$place" ] || [ -L "$place" ] || ln -s "$file" "$place"
    [ "$place" -ef "$file" ] || fail "$place is of another cluster: not touched" 3
}

configure() {
    local name
    mkdir -p "$STATE"/{run,log,save,dev,fernn-test-slurm}
    for name in $NODES; do mkdir -p "$STATE/spool/$name"; done
    for name in 0 1 2; do # a GPU is a character device; the driver is never asked
        [ -c "$STATE/dev/gpu$name" ] || mknod "$STATE/dev/gpu$name" c 1 3
    done
    for name in $FILES; do
        sed "s|@STATE@|$STATE|g" "$HERE/$name" > "$STATE/fernn-test-slurm/$name"
        link "$name"
    done
    [ -z "$1" ] || cat "$HERE/accounting.conf" >> "$STATE/fernn-test-slurm/slurm.conf"
}

authenticate() {
    install -d -o munge -g munge -m 0755 /run/munge
    install -d -o munge -g munge -m 0700 /var/log/munge /var/lib/munge
    munge --no-input > /dev/null 2>&1 && return
    runuser -u munge -- /usr/sbin/munged --force
    cp /run/munge/munged.pid "$STATE/run/munged.pid"
}

# An empty database each time, and in it: cluster, account, user.
account() {
    local conf=$STATE/fernn-test-slurm/slurmdbd.conf
    alive accounting && return
    rm -rf "$STATE/database"
    sed "s|@STATE@|$STATE|g" "$HERE/slurmdbd.conf" > "$conf"
    chmod 600 "$conf"
    mariadb-install-db --no-defaults --user=root --datadir="$STATE/database" \
        --auth-root-authentication-method=socket --skip-test-db > "$STATE/log/database.log"
    mariadbd --no-defaults --user=root --datadir="$STATE/database" --skip-networking \
        --socket="$MYSQL_UNIX_PORT" --pid-file="$STATE/run/database.pid" \
        >> "$STATE/log/database.log" 2>&1 &
    patiently mariadb-admin --no-defaults ping
    SLURM_CONF=$STATE/fernn-test-slurm/slurm.conf slurmdbd
    patiently sacctmgr --immediate add cluster fernn-test
    sacctmgr --immediate add account lab > /dev/null
    sacctmgr --immediate add user root Account=lab DefaultAccount=lab > /dev/null
}

# patiently COMMAND…: until it succeeds
patiently() {
    for _ in $(seq 300); do
        "$@" > /dev/null 2>&1 && return
        sleep 0.1
    done
    "$@" || fail "$1 fails for 30 s; logs are in $STATE/log"
}

revive() {
    alive "$1" && return
    case $1 in
        controller) slurmctld ;;
        node*) slurmd -N "$1" ;;
    esac
}

start() {
    local name
    configure "${1:-}"
    authenticate
    [ -z "${1:-}" ] || account
    for name in controller $NODES; do revive "$name"; done
    for _ in $(seq 300); do
        [ "$(sinfo --noheader --Node --format=%T 2> /dev/null | sort -u)" = idle ] && return
        sleep 0.1
    done
    sinfo --Node --long >&2
    fail "nodes are not idle after 30 s; logs are in $STATE/log"
}

stop() {
    local name
    if alive controller; then
        squeue --noheader --format=%A | xargs --no-run-if-empty scancel || true
        timeout 10 sh -c 'while squeue --noheader | grep -q .; do sleep 0.2; done' || true
    fi
    for name in $NODES; do
        end "$name" -TERM
        crash "$name"
    done
    for name in controller accounting database; do end "$name" -TERM; done
    end munged -TERM
    for name in $FILES; do
        [ "/etc/slurm/$name" -ef "$STATE/fernn-test-slurm/$name" ] && rm "/etc/slurm/$name"
    done
    return 0
}

case "${1:-} ${2:-}" in
    "start " | "start accounting" | "stop ") "$1" ${2:+"$2"} ;;
    "crash node1" | "crash node2") crash "$2" ;;
    "kill node1" | "kill node2" | "kill controller") end "$2" -KILL ;;
    "restart controller") end "$2" -TERM; revive "$2" ;;
    "revive node1" | "revive node2" | "revive controller") revive "$2" ;;
    *) sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
