#!/bin/bash
# Runs the libFuzzer targets of a build folder, one after another, each for SECONDS, from its corpus.
#
#     tests/fuzz/run_all.sh BUILD SECONDS OUT [NAME...]
#
# OUT/NAME.log is what a target printed, OUT/NAME/ holds the inputs that it added or failed with. The last
# lines say for each target how many inputs it ran, in how many seconds, and how many reports there were; the
# exit status is 0 where there was none.
set -uo pipefail
[ $# -ge 3 ] || { sed -n '2,9s/^# \?//p' "$0" >&2; exit 2; }
build=$1 seconds=$2 out=$3
shift 3
corpus=$(cd "$(dirname "$0")" && pwd)/corpus
if [ $# = 0 ]; then
    for target in "$build"/tests/fuzz/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] && set -- "$@" "${target##*/fuzz_}"
    done
fi
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=0
export LSAN_OPTIONS=suppressions=$corpus/../../lsan.supp:print_suppressions=0
failed=0 summary=
for name; do
    log=$out/$name.log
    mkdir -p "$out/$name"
    begin=$SECONDS
    "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$out/$name/" "$out/$name" "$corpus/$name" >"$log" 2>&1
    status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    reports=$(grep -cE 'runtime error:|^==[0-9]+== ?ERROR:|^SUMMARY:' "$log")
    [ "$status" = 0 ] && [ "$reports" = 0 ] || failed=1
    line=$(printf '%-18s %10s executions %5d s %3d reports, exit status %d' \
        "$name" "${executions:--}" $((SECONDS - begin)) "$reports" "$status")
    echo "$line"
    summary+=$line$'\n'
done
printf '%s' "$summary" >"$out/summary.txt"
exit $failed
