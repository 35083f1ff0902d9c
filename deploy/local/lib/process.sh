# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with setup and stack
# Detached processes by name: start, look, signal. Knows nothing of what runs.
#
# A process is two files in $run_dir:
#   NAME.pid      its pid, nothing else
#   NAME.record   "MARK KIND PORT LOG_AT": which process that pid was (see process_mark), "server" or "program",
#                 its port or "-", and where its part of log/NAME.log begins
# A pid is only ever signalled while the mark still fits: pids are used again, and .local outlives a boot.

boot_id=$(</proc/sys/kernel/random/boot_id)

# process_mark PID: sets REPLY to what tells this process from a later one with its pid. Fails if it is gone;
# a zombie is gone, too: the first process of a container may never collect it. But not while it has other threads: one
# that was just killed is a zombie before the last of them lets go of its ports and files.
process_mark() {
    local stat fields
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The name in parentheses may hold anything, so count from behind it: state is field 3, threads 20, start time 22.
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] || ((fields[17] > 1)) || return 1
    REPLY=${fields[19]}@$boot_id
}

# record_load NAME: sets rec_pid rec_mark rec_kind rec_port rec_log_at.
record_load() {
    [[ -s $run_dir/$1.pid && -s $run_dir/$1.record ]] || return 1
    read -r rec_pid <"$run_dir/$1.pid"
    read -r rec_mark rec_kind rec_port rec_log_at <"$run_dir/$1.record"
}

record_forget() {
    rm -f "$run_dir/$1".{pid,record,ready}
}

# process_runs NAME: also loads its record.
process_runs() {
    local REPLY
    record_load "$1" && process_mark "$rec_pid" && [[ $REPLY == "$rec_mark" ]]
}

# In the new process: leaves the caller's descriptors, writes the record, becomes COMMAND.
process_become() {
    local name=$1 kind=$2 port=$3 log_at=$4 fd
    shift 4
    # A pipe of the caller that stays open here would make its reader wait for ever; so would the stack's lock.
    # 255 is bash's own.
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        ((fd <= 2 || fd == 255)) || eval "exec $fd>&-"
    done
    process_mark "$BASHPID"
    printf '%s\n' "$REPLY $kind $port $log_at" >"$run_dir/$name.record"
    printf '%s\n' "$BASHPID" >"$run_dir/$name.pid"
    # None of these forks, so the pid stays. A shell's background process ignores SIGINT: back to the default.
    exec env --default-signal "${stack_variables[@]/#/--unset=}" setsid "$@"
}

# process_spawn NAME KIND PORT COMMAND...: returns once the record is there.
process_spawn() {
    local name=$1 kind=$2 port=$3 log=$log_dir/$1.log log_at child
    shift 3
    record_forget "$name"
    touch "$log"
    log_at=$(stat -c %s "$log")
    process_become "$name" "$kind" "$port" "$log_at" "$@" </dev/null >>"$log" 2>&1 &
    child=$!
    until [[ -s $run_dir/$name.pid ]]; do
        process_mark "$child" || [[ -s $run_dir/$name.pid ]] || return 1
        sleep 0.01
    done
}

# process_log NAME: what it has written since it was started.
process_log() {
    record_load "$1" && tail -c "+$((rec_log_at + 1))" "$log_dir/$1.log"
}

process_show_log() {
    warn "the end of $log_dir/$1.log:"
    process_log "$1" | tail -n "${2:-15}" | sed 's/^/    /' >&2
}

# process_signal NAME SIGNAL: nothing if it does not run.
process_signal() {
    process_runs "$1" || return 0
    kill -s "$2" "$rec_pid" 2>/dev/null || ! process_runs "$1" ||
        die "may not signal $1 (pid $rec_pid): it belongs to another user"
    # One that is halted (SIGSTOP) would never get to see it.
    [[ $2 == KILL ]] || kill -s CONT "$rec_pid" 2>/dev/null || true
}

# process_wait_gone NAME SECONDS
process_wait_gone() {
    local until=$((SECONDS + $2))
    while process_runs "$1"; do
        ((SECONDS < until)) || return 1
        sleep 0.05
    done
}

# children_of PID: adds them to pids.
children_of() {
    local stat fields file
    for file in /proc/[0-9]*/stat; do
        { read -r stat <"$file"; } 2>/dev/null || continue
        read -ra fields <<<"${stat##*) }"
        [[ ${fields[1]} != "$1" ]] || pids+=("${stat%% *}")
    done
}

# process_kill NAME: kill -9 for it and its children, gone when this returns: Postgres does not start again while one
# of its old children holds the shared memory.
process_kill() {
    process_runs "$1" || return 0
    local pids=("$rec_pid") pid REPLY until=$((SECONDS + 10))
    children_of "$rec_pid"
    kill -s KILL "${pids[@]}" 2>/dev/null || true
    for pid in "${pids[@]}"; do
        while process_mark "$pid"; do
            ((SECONDS < until)) || die "$1 (pid $pid) does not die"
            sleep 0.02
        done
    done
}
