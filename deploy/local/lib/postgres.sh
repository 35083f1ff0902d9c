# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with setup and stack
# Postgres: a cluster of its own. It refuses to run as root, so for root it runs as Debian's user postgres.

# postgres_as_user: sets postgres_as to the command that becomes that user (empty: the caller is it), postgres_user.
postgres_as_user() {
    postgres_as=()
    postgres_user=$(id -un)
    ((EUID == 0)) || return 0
    postgres_user=postgres
    id -u postgres >/dev/null 2>&1 || postgres_user=nobody
    postgres_as=(setpriv "--reuid=$postgres_user" "--regid=$(id -g "$postgres_user")" --init-groups)
}

# From / because that user may not be allowed into the current folder.
as_postgres() {
    (cd / && "${postgres_as[@]}" "$@")
}

# postgres_own FOLDER: makes it that user's; fails if that user cannot get there.
postgres_own() {
    ((EUID != 0)) || chown "$postgres_user:" "$1"
    chmod 700 "$1"
    as_postgres test -w "$1" 2>/dev/null
}

# postgres_elsewhere: a folder that user can reach. $TANDEM_LOCAL may lie in one that only root may enter.
postgres_elsewhere() {
    local base
    for base in "${TMPDIR:-/var/tmp}" /var/tmp /tmp; do
        REPLY=$(mktemp -d "$base/tandem-postgres.XXXXXX") || continue
        ! postgres_own "$REPLY" || return 0
        rmdir "$REPLY"
    done
    die "user $postgres_user, as whom Postgres runs for root, can reach neither $data_dir nor /var/tmp: set TANDEM_LOCAL to a folder that it can enter"
}

# postgres_folder: sets postgres_data. data/postgres is the folder itself or a link to the one elsewhere.
postgres_folder() {
    local place=$data_dir/postgres REPLY
    [[ ! -L $place || -d $place ]] || {
        warn "Postgres' data is gone: $(readlink "$place") is not there any more; making a new, empty cluster"
        rm "$place"
    }
    [[ -d $place ]] || mkdir "$place"
    [[ -L $place ]] || postgres_own "$place" || {
        rmdir "$place" || die "user $postgres_user cannot reach $place any more: make the folders above it enterable (chmod o+x) or set TANDEM_LOCAL"
        postgres_elsewhere
        ln -s "$REPLY" "$place"
        say "Postgres' data is in $REPLY: user $postgres_user, as whom it runs for root, cannot enter $data_dir"
    }
    postgres_data=$(readlink -f "$place")/main
}

# postgres_socket: sets postgres_sockets to a folder for its socket, or to nothing where the path is too long for one
# (107 bytes) or out of its user's reach. Programs use 127.0.0.1; the socket is for the superuser at the keyboard.
postgres_socket() {
    postgres_sockets=$run_dir/postgres
    local path=$postgres_sockets/.s.PGSQL.$postgres_port
    mkdir -p "$postgres_sockets"
    ((${#path} <= 107)) && postgres_own "$postgres_sockets" || postgres_sockets=
}

# postgres_password: sets REPLY; made once.
postgres_password() {
    local file=$TANDEM_LOCAL/postgres.password
    [[ -s $file ]] || (
        umask 077
        head -c 18 /dev/urandom | base64 | tr '+/' 'Ab' >"$file.new"
        mv "$file.new" "$file"
    )
    REPLY=$(<"$file")
}

# Makes cluster, role and database, beside its place and then renamed: an interrupted one is none. The role is no
# superuser: what works here works with the rights that a real deployment gives. Without a server, so nobody can come
# in before the password is set.
postgres_init() {
    local new=$postgres_data.new REPLY
    postgres_password
    as_postgres rm -rf "$new"
    as_postgres "$postgres_bin/initdb" -D "$new" -U "$postgres_user" --encoding=UTF8 --locale=C \
        --auth-host=scram-sha-256 --auth-local=peer --no-instructions
    as_postgres tee -a "$new/postgresql.conf" <<<"include_if_exists 'tandem.conf' # written at each start" >/dev/null
    postgres_sql "$new" "CREATE ROLE tandem LOGIN CREATEDB PASSWORD '$REPLY'"
    postgres_sql "$new" 'CREATE DATABASE tandem OWNER tandem'
    as_postgres mv "$new" "$postgres_data"
}

# postgres_sql CLUSTER STATEMENT: single-user mode exits with 0 whatever its statement does, so it is asked for an error
# to be one that it prints.
postgres_sql() {
    local said
    said=$(as_postgres "$postgres_bin/postgres" --single -D "$1" postgres <<<"$2" 2>&1)
    echo "$said"
    ! grep -qE '(ERROR|FATAL|PANIC):' <<<"$said"
}

postgres_prepare() {
    [[ -x $postgres_bin/postgres ]] || die "PostgreSQL 15 is not in $postgres_bin: run $local_dir/setup"
    postgres_as_user
    postgres_folder
    ! as_postgres test -e "$postgres_data/PG_VERSION" || return 0
    # Not `|| die`: that would have it go on after a failure.
    postgres_init </dev/null >"$log_dir/postgres-init.log" 2>&1
}

# After kill -9 Postgres refuses to start while the pid in its lock files is taken: by its own zombie where the first
# process of a container is slow to collect it, or by whatever has that pid after a boot. So only a living postgres
# keeps them.
postgres_unlock() {
    local file pid REPLY
    for file in "$postgres_data/postmaster.pid" "$run_dir/postgres/.s.PGSQL.$postgres_port.lock"; do
        pid=$(as_postgres head -n 1 "$file" 2>/dev/null) || continue
        if ! process_mark "$pid" || [[ $(</proc/"$pid"/comm) != postgres ]]; then as_postgres rm -f "$file"; fi
    done
}

postgres_start() {
    postgres_as_user
    postgres_folder
    postgres_socket
    postgres_unlock
    # At each start, so that a changed file or port counts.
    as_postgres tee "$postgres_data/tandem.conf" <"$local_dir/conf/postgresql.conf" >/dev/null
    (cd / && process_spawn postgres server "$postgres_port" "${postgres_as[@]}" \
        "$postgres_bin/postgres" -D "$postgres_data" -p "$postgres_port" -k "$postgres_sockets")
}

postgres_answers() {
    "$postgres_bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" -U tandem -d tandem -t 2
}
