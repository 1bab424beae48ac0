#!/bin/sh
# Audits a wheel with the integration of examples/package_audit, shown live, and prints how its report begins.
#
#   scripts/run.sh WHEEL
#
# Ends with the exit code of `perdure run`.
set -eu

cd "$(dirname "$0")/.."
reports=build/audit

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "usage: scripts/run.sh WHEEL" >&2
    exit 2
fi

# Reports of earlier runs would be mistaken for that of this one.
rm -rf "$reports"
code=0
.venv/bin/perdure run examples.package_audit:audit "target=$1" "report_dir=$reports" || code=$?
find "$reports" -name report.md 2>/dev/null | while read -r report; do
    printf '\n%s begins:\n\n' "$report"
    sed -n 1,18p "$report"
done
exit "$code"
