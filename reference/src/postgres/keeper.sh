# Runs one throwaway Postgres and removes it when standard input ends.
#
# Arguments: directory (made here), initdb, postgres, port. Standard input is a pipe that only the reference holds: its
# first line is the password, and it ends when the reference closes it or is killed, which is the point of this script.
# It runs in a process group of its own, so that neither Ctrl-C nor a kill of the reference's group ends it first.
keep() {
    set -u
    unset KEEPER
    trap '' HUP INT TERM
    directory=$1 initdb=$2 postgres=$3 port=$4
    exec 3<&0 </dev/null
    umask 077
    read -r password <&3 || exit 1
    mkdir "$directory" || exit 1
    printf '%s' "$password" >"$directory/password"

    # The password goes over loopback in the clear: SCRAM would cost an unoptimised client 50 ms per connection.
    if ! "$initdb" --pgdata "$directory/data" --username postgres --pwfile "$directory/password" \
        --auth password --encoding UTF8 --locale C --no-sync --no-instructions >"$directory/log" 2>&1; then
        tail -n 20 "$directory/log" >&2
        clear_away
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
    clear_away
    exit "$status"
}

# Waits for the end of the pipe, then stops the server: fast at first, after five seconds without mercy. A server that
# is only just starting does not hear the signal, so it is told again and again.
reap() {
    while read -r _ <&3; do :; done
    tries=0
    while kill -INT "$1" && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$1"
}

# A killed server's children may still be writing while this runs.
clear_away() {
    tries=0
    until rm -rf "$directory" 2>/dev/null && [ ! -e "$directory" ] || [ "$tries" -ge 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

keep "$@"
