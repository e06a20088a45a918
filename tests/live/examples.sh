#!/usr/bin/env bash
# What README.md shows of the command line, and the examples of each verb's --help, run as they are printed.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
needs_own_broker
readme=$PWD/README.md
broker_start
export SPATE_BROKER=$BROKER
mkdir "$WORK/bin" "$WORK/here"
ln -s "$(realpath "$SPATE_BIN")" "$WORK/bin/spate"
ln -s "$WORK/bin/spate" "$WORK/here/spate"
export PATH=$WORK/bin:$PATH
cd "$WORK/here" || exit 1

# ---- README.md ---------------------------------------------------------------------------------------------
# Numbers that differ from run to run are N, and the space that they take is one; what is behind a # is for people.
masked() { sed -E "s/127\\.0\\.0\\.1:[0-9]+/BROKER/g; s/[0-9]+\\.[0-9]+ (s|ms)|[0-9]+ ms/TIME/g; s/ +/ /g; s/ +\$//"; }
# run COMMAND: what a terminal would show of it; one that follows a topic is stopped
run() { timeout -s INT 20 bash -c "$1" 2>&1 < /dev/null; }
# check COMMAND WANTED
check() {
	local command=$1 wanted=$2 out status=0
	case $command in
	*'log verify'* | *'log repair'* | *'make '* | *'bench '*) return ;; # below, or elsewhere
	*'consume orders --offset @-1h'*) command="$command --exit-eof" ;;
	esac
	out=$(run "${command//127.0.0.1:9092/$BROKER}") || status=$?
	if [ "$status" -ne 0 ]; then fail "README: $1: status $status: $out"; return; fi
	[ -z "$wanted" ] && { pass "README: $1"; return; }
	expect "README: $1" "$(masked <<< "$wanted")" "$(masked <<< "$out")"
}
command='' wanted=''
while IFS= read -r line; do
	case $line in
	'$ '*)
		[ -n "$command" ] && check "$command" "$wanted"
		command=$(sed -E 's/ +# .*//' <<< "${line#\$ }") wanted=''
		;;
	'```') [ -n "$command" ] && check "$command" "$wanted"; command='' ;;
	*) [ -n "$command" ] && wanted+=${wanted:+$'\n'}$line ;;
	esac
done < <(sed -n '/^## A first session/,/^## What works/p' "$readme")

# ---- --help ------------------------------------------------------------------------------------------------
spate topic create numbers events copy --if-not-exists > /dev/null
seq 2000 | spate produce orders -q
spate consume orders --group billing --exit-eof -q > /dev/null
echo '{"event": 1}' > events.jsonl
spate topic create load --if-not-exists > /dev/null
# examples VERB...: the lines of its examples
examples() { spate "$@" --help | sed -n '/^Examples:/,/^$/s/^  \(.*\)/\1/p' | sed -E 's/ +# .*//'; }
# Those that serve or measure are other scripts'; data directories come below.
verbs=("topic create" "topic list" "topic describe" "topic alter" "topic trim" "cluster" "group list" "group describe" "group rewind" produce consume "config explain" "config get" "config set" "completion bash" "group delete" "topic delete")
for verb in "${verbs[@]}"; do
	while IFS= read -r line; do
		case $line in
		*bash-completion*) continue ;;
		*'topic create'*) for name in orders audit; do spate topic delete $name --if-exists > /dev/null 2>&1; done ;;
		*'topic trim orders --partition 0'*) spate topic delete orders > /dev/null; spate topic create orders > /dev/null; seq 100 | spate produce orders -q ;;
		*'topic delete'*) spate topic create orders --if-not-exists > /dev/null ;;
		*'topic describe'* | *'topic alter orders --config'*) spate topic create orders --if-not-exists > /dev/null; seq 200 | spate produce orders -q ;;
		*'group rewind billing --undo'*) ;;
		*'--topic orders:0,1'*) spate topic alter orders --partitions 2 > /dev/null 2>&1 ;;
		*'group rewind billing'* | *'group describe'* | *'group delete'*) spate consume orders --group billing --exit-eof -q > /dev/null ;;
		*'--partition 0 --offset 100:200'*) seq 300 | spate produce orders --partition 0 -q ;;
		esac
		case $line in
		'spate consume'*exit-eof* | 'spate consume'*:200) ;;
		'spate consume'*) line=${line/consume orders/consume orders --exit-eof} ;;
		esac
		status=0
		out=$(run "$line") || status=$?
		if [ "$status" -eq 0 ]; then pass "--help: $line"; else fail "--help: $line: status $status: $out"; fi
	done < <(examples $verb)
done

# ---- data directories ----------------------------------------------------------------------------------------
spate topic create orders --if-not-exists > /dev/null
seq 100000 | spate produce orders -q
broker_stop
ln -s "$DATA" data
for verb in "log inspect" "log verify" "log repair"; do
	while IFS= read -r line; do
		status=0
		out=$(run "$line") || status=$?
		if [ "$status" -eq 0 ]; then pass "--help: $line"; else fail "--help: $line: status $status: $out"; fi
	done < <(examples $verb)
done
expect_match "README: log verify" 'no damage' "$(run './spate log verify ./data')"
expect_match "README: log repair" 'nothing' "$(run './spate log repair ./data --dry-run')"
cd / || exit 1
