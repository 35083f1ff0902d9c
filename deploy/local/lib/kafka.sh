# shellcheck shell=bash
# Kafka: one KRaft node, straight from its jars.

# kafka_java ARGUMENT...: sets kafka_command.
kafka_java() {
    local jars=("$kafka_home"/libs/*.jar) class_path
    [[ -e ${jars[0]} ]] || die "Kafka's jars are not in $kafka_home/libs: run $local_dir/setup"
    class_path=$(IFS=:; echo "${jars[*]}")
    kafka_command=(java "-Xms128m" "-Xmx$kafka_heap" -XX:+UseSerialGC -Djava.awt.headless=true
        "-Dlog4j2.configurationFile=file://$local_dir/conf/log4j2.yaml" -cp "$class_path" "$@")
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
    "${kafka_command[@]}" </dev/null >"$log_dir/kafka-format.log" 2>&1 ||
        die "could not format Kafka's storage, see $log_dir/kafka-format.log"
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
