#!/usr/bin/env bash
# librdkafka's own test suite, unchanged, each test against a broker of its own (librdkafka/README.md). SUITE=quick (the
# default) runs the tests so marked in librdkafka/*.tests, SUITE=all all of them; TESTS="0012 0030" just these; JOBS at once.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=tests/clients/librdkafka
sets='^quick$'
[ "${SUITE:-quick}" = all ] && sets='^(quick|full|fails)$'
versions=(2.15.1)
[ "${SUITE:-quick}" = all ] && versions=(2.15.1 1.8.2)
declare -A source=([2.15.1]=@confluentinc/kafka-javascript [1.8.2]=node-rdkafka)

# Tests that call Kafka's scripts find them here.
mkdir -p "$CLIENTS/kafka-home/bin"
for tool in topics:org.apache.kafka.tools.TopicCommand configs:kafka.admin.ConfigCommand acls:org.apache.kafka.tools.AclCommand; do
	script=$CLIENTS/kafka-home/bin/kafka-${tool%%:*}.sh
	printf '#!/bin/sh\nexec java -Xmx128M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "%s/java/libs/*" %s "$@"\n' "$CLIENTS" "${tool#*:}" > "$script"
	chmod +x "$script"
done

echo "# VERSION: librdkafka ${versions[*]}"
failed=0
for version in "${versions[@]}"; do
	build=$("$here/build" "$version" "$CLIENTS/node/node_modules/${source[$version]}/deps/librdkafka") || { echo "FAIL  librdkafka $version builds"; failed=1; continue; }
	while read -r number set options reason; do
		case $number in '' | '#'*) continue ;; esac
		if [ -n "${TESTS:-}" ]; then
			[[ " $TESTS " == *" $number "* ]] || continue
		else
			[ "$set" = skip ] && [ "${SUITE:-quick}" = all ] && echo "skip  librdkafka $version: $number: $reason" >&2
			[[ $set =~ $sets ]] || continue
		fi
		printf '%s\0' "$version $build $number $set $options $reason"
	done < "$here/$version.tests" | xargs -0 -r -P "${JOBS:-4}" -I{} bash -c "exec $here/one \$1" _ {} || failed=1
done
exit "$failed"
