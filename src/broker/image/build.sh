#!/usr/bin/env bash
# Builds an image that stands in for apache/kafka where no container registry can be reached:
#
#   build.sh FOLDER_OF_KAFKAS_JARS NAME:TAG
#
# The system comes from Debian's packages (debootstrap, which needs root), Kafka from the jars given. The image carries a
# name of its own, never the public image's.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

[[ $# -eq 2 ]] || fail "usage: build.sh FOLDER_OF_KAFKAS_JARS NAME:TAG"
jars=$1 image=$2
compgen -G "$jars/kafka_2.13-*.jar" >/dev/null || fail "no jars of Apache Kafka in $jars"
[[ $(id -u) -eq 0 ]] || fail "only root can build the base system with debootstrap"
for tool in debootstrap docker tar; do
    command -v "$tool" >/dev/null || fail "$tool is not here (on Debian: apt-get install debootstrap docker.io)"
done

base=$(mktemp -d "${TMPDIR:-/tmp}/lagproof-image-XXXXXX")
trap 'rm -rf --one-file-system -- "$base"' EXIT
chmod 755 "$base"
printf 'base system: Debian 12 with Java 17\n'
debootstrap --variant=minbase --include=openjdk-17-jre-headless,ca-certificates bookworm "$base" >"$base.log" ||
    fail "debootstrap failed: $(tail -n 3 "$base.log")"
rm -f "$base.log"
rm -rf "$base"/var/cache/apt/* "$base"/var/lib/apt/lists/* "$base"/usr/share/{doc,man,locale,info}/*

mkdir -p "$base/opt/kafka/libs" "$base/etc/kafka/docker"
cp "$jars"/*.jar "$base/opt/kafka/libs/"
cp "$here/log4j2.properties" "$base/opt/kafka/"
install -m 755 "$here/run" "$base/etc/kafka/docker/run"

printf 'image: %s\n' "$image"
tar -C "$base" -c . | docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'EXPOSE 9092' --change 'CMD ["/etc/kafka/docker/run"]' - "$image" >/dev/null
