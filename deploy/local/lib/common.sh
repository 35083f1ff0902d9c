# shellcheck shell=bash disable=SC2034,SC2154 # shares variables with setup and stack
# What setup and stack both need: where things are, and how to say that something failed.

local_dir=$(cd -- "${BASH_SOURCE[0]%/*}/.." && pwd -P)
project=$(cd -- "$local_dir/../.." && pwd -P)
program=${0##*/}

# Text in UTF-8 whatever the caller's locale: Java reads paths by it. Byte order when sorting.
export LC_ALL=C.UTF-8

kafka_version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$local_dir/pom.xml")
kafka_home=$project/build/kafka-$kafka_version
# Debian's Java 17 where it is installed; else the one on PATH, which setup has found new enough.
java=java
for file in /usr/lib/jvm/java-17-openjdk-*/bin/java; do
    [[ ! -x $file ]] || java=$file
done
postgres_bin=/usr/lib/postgresql/15/bin

say() {
    printf '%s: %s\n' "$program" "$*"
}

warn() {
    say "$@" >&2
}

# die [-CODE] MESSAGE: the exit code is 1, or 2 for wrong use.
die() {
    local code=1
    [[ $1 != -[0-9] ]] || { code=${1#-}; shift; }
    warn "$@"
    exit "$code"
}
