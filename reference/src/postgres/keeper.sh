# Runs one throwaway Postgres and removes it when standard input ends.
#
# Arguments: directory, initdb, postgres, port. Standard input is a pipe that only the reference holds: it ends when
# the reference closes it, and also when the reference is killed, which is the point of this script. It runs in a
# process group of its own, so that neither Ctrl-C nor a kill of the reference's group ends it first.
# All of it is one function, so that the shell has read it whole before the directory, and this file in it, is removed.
keep() {
    set -u
    trap '' HUP INT TERM
    directory=$1 initdb=$2 postgres=$3 port=$4
    exec 3<&0 </dev/null
    umask 077

    if ! "$initdb" --pgdata "$directory/data" --username postgres --pwfile "$directory/password" \
        --auth scram-sha-256 --encoding UTF8 --locale C --no-sync --no-instructions >"$directory/log" 2>&1; then
        tail -n 20 "$directory/log" >&2
        rm -rf "$directory"
        exit 1
    fi
    rm -f "$directory/password"

    # Nothing in this cluster is worth an fsync. The log keeps to what explains a failed start.
    "$postgres" -D "$directory/data" -k "$directory" -c listen_addresses=127.0.0.1 -c port="$port" \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_wal_size=256MB \
        -c max_connections=100 -c shared_buffers=64MB -c jit=off -c log_min_messages=fatal \
        -c log_min_error_statement=panic >"$directory/log" 2>&1 &
    server=$!
    reap "$server" 2>/dev/null &
    reaper=$!
    exec 3<&-

    wait "$server"
    status=$?
    kill -KILL "$reaper" 2>/dev/null
    [ "$status" -eq 0 ] || tail -n 20 "$directory/log" >&2
    rm -rf "$directory"
    exit "$status"
}

# Waits for the end of the pipe, then stops the server: fast at first, after five seconds without mercy.
reap() {
    while read -r _ <&3; do :; done
    kill -INT "$1"
    tries=0
    while kill -0 "$1" && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$1"
}

keep "$@"
