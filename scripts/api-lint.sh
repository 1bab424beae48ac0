#!/bin/sh
# Runs Google's api-linter over the contract. It needs Go; the linter is built into .tools when missing,
# from the version pinned in scripts/api-linter/go.mod.
set -eu

cd "$(dirname "$0")/.."
version=$(sed -n 's|^require github.com/googleapis/api-linter/v2 ||p' scripts/api-linter/go.mod)
linter=$PWD/.tools/api-linter-$version

if [ ! -x "$linter" ]; then
    if ! command -v go >/dev/null; then
        echo 'api-lint: go is not installed' >&2
        exit 1
    fi
    mkdir -p .tools
    (cd scripts/api-linter && GOWORK=off go build -mod=readonly -o "$linter" \
        github.com/googleapis/api-linter/v2/cmd/api-linter)
fi

cd protos
"$linter" --config api-linter.yaml --set-exit-status --output-format github perdure/v1/*.proto
