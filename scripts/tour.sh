#!/bin/sh
# Takes the tours of the README and the docs for real: their files, commands and outputs (scripts/tour.py).
# Needs grpcurl in PATH or where `go install` puts it, and the project's virtual environment.
set -eu
cd "$(dirname "$0")/.."

PATH="$PWD/.venv/bin:$PATH"
if ! command -v grpcurl >/dev/null && command -v go >/dev/null; then
    PATH="$PATH:$(go env GOPATH)/bin"
fi
command -v grpcurl >/dev/null || { echo "the tour needs grpcurl" >&2; exit 1; }
exec python scripts/tour.py "$@"
