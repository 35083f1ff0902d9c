# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with setup and stack
# Kafka: one KRaft node, straight from its jars.

# Java's archive of the classes that Kafka loads. Measured on two cores, start until ready: 3.0 s and 4.8 s of processor
# without, 1.5 s and 1.8 s with it and C1. C1 alone (no second compiler) also takes half the processor time for the
# first millions of records; a broker that ran for days would be better off with both.
kafka_archive=$kafka_home/classes.jsa

# kafka_java ARGUMENT...: sets kafka_command.
kafka_java() {
    local jars=("$kafka_home"/libs/*.jar) class_path archive=()
    [[ -e ${jars[0]} ]] || die "Kafka's jars are not in $kafka_home/libs: run $local_dir/setup"
    class_path=$(IFS=:; echo "${jars[*]}")
    [[ ! -e $kafka_archive ]] || archive=("-XX:SharedArchiveFile=$kafka_archive" -Xlog:cds=off)
    kafka_command=("$java" "-Xms64m" "-Xmx$kafka_heap" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "${archive[@]}"
        -Djava.awt.headless=true "-Dlog4j2.configurationFile=$local_dir/conf/log4j2.yaml" -cp "$class_path"
        "${kafka_options[@]}" "$@")
}

# kafka_properties FOLDER: the whole configuration.
kafka_properties() {
    cat "$local_dir/conf/kafka.properties"
    cat <<END

listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$((kafka_port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
controller.quorum.voters=1@127.0.0.1:$((kafka_port + 1))
num.partitions=$TANDEM_PARTITIONS
log.dirs=$1
END
}

# Formats the storage once. Beside its place and then renamed, so that an interrupted format is no format.
kafka_format() {
    local new=$data_dir/kafka.new id
    rm -rf "$new"
    mkdir -m 700 "$new"
    kafka_properties "$new" >"$run_dir/kafka-format.properties"
    # As Kafka's own ids: 16 random bytes in base64url; one that begins with "-" would be read as an option.
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'Tx' | tr -d =)
    kafka_java kafka.tools.StorageTool format --cluster-id "$id" --config "$run_dir/kafka-format.properties"
    "${kafka_command[@]}" </dev/null >"$log_dir/kafka-init.log" 2>&1
    rm -rf "$data_dir/kafka" "$run_dir/kafka-format.properties"
    mv "$new" "$data_dir/kafka"
}

kafka_prepare() {
    [[ -e $data_dir/kafka/meta.properties ]] || kafka_format
}

kafka_start() {
    kafka_properties "$data_dir/kafka" >"$run_dir/kafka.properties"
    kafka_java kafka.Kafka "$run_dir/kafka.properties"
    process_spawn kafka server "$kafka_port" "${kafka_command[@]}"
}

# Its port is open before the broker may lead partitions; its own word is later. The word is kept in kafka.ready.
kafka_answers() {
    [[ -e $run_dir/kafka.ready ]] || {
        grep -q 'Kafka Server started' < <(process_log kafka) && : >"$run_dir/kafka.ready"
    } && port_open "$kafka_port"
}

# Runs Kafka once, in a stack of its own, so that Java writes the archive. Without it everything works, only slower.
kafka_warm_up() {
    local new=$kafka_home/classes.new
    [[ ! -e $kafka_archive ]] || return 0
    kafka_options=("-XX:ArchiveClassesAtExit=$new")
    enter_stack
    start_servers kafka
    process_signal kafka TERM
    # One that had to be killed may have written half of it.
    process_wait_gone kafka "$stop_seconds" || { process_kill kafka; die "Kafka did not stop"; }
    mv "$new" "$kafka_archive"
}
