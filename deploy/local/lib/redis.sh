# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with setup and stack
# Redis: one or more independent servers, redis-0, redis-1, …

redis_prepare() {
    [[ -d $data_dir/$1 ]] || mkdir -m 700 "$data_dir/$1"
}

redis_start() {
    local port
    port=$(server_port "$1")
    process_spawn "$1" server "$port" \
        redis-server "$local_dir/conf/redis.conf" --port "$port" --dir "$data_dir/$1"
}

# A read: while it loads its file it accepts connections and answers LOADING; with a full disk it refuses PING, and is up.
redis_answers() {
    [[ $(redis-cli -h 127.0.0.1 -p "$(server_port "$1")" exists tandem 2>/dev/null) == [01] ]]
}
