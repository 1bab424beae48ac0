#!/bin/sh
# Generates src/perdure/v1 and src/perdure/internal/v1 from protos/perdure.
#
#   scripts/generate.sh            writes them
#   scripts/generate.sh --verify   writes nothing, and fails when they are not what the protos yield
#
# The generators live in a virtual environment of their own, .venv-generate, which is made when it is
# missing or constraints/generate.txt has changed. PYTHON names the interpreter that makes it.
set -eu

cd "$(dirname "$0")/.."
environment=.venv-generate
pins=constraints/generate.txt

prepare_environment() {
    if ! cmp -s "$pins" "$environment/pins.txt"; then
        rm -rf "$environment"
        "${PYTHON:-python3}" -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$pins"
        cp "$pins" "$environment/pins.txt"
    fi
}

# protoc ARGUMENT... : the compiler, with the protos as its only root besides the well-known types.
protoc() {
    PATH="$environment/bin:$PATH" "$environment/bin/python" -m grpc_tools.protoc --proto_path=protos "$@"
}

# generate_into FOLDER: writes the packages perdure/v1 and perdure/internal below FOLDER.
generate_into() {
    mkdir -p "$1"
    find protos/perdure -name '*.proto' | sort | xargs_protoc --python_out="$1" --mypy_out="quiet:$1"
    grep -rl --include='*.proto' '^service ' protos/perdure | sort |
        xargs_protoc --grpc_python_out="$1" --mypy_grpc_out="quiet,only_async:$1"
    echo '"""The contract: messages, enums and gRPC stubs, generated from protos/perdure/v1."""' \
        >"$1/perdure/v1/__init__.py"
    echo '"""Private messages: what is stored, and what tokens hold."""' >"$1/perdure/internal/__init__.py"
    echo '"""Private messages, generated from protos/perdure/internal/v1."""' \
        >"$1/perdure/internal/v1/__init__.py"
}

# xargs_protoc ARGUMENT... : the compiler on the protos named on standard input.
xargs_protoc() {
    # No path of a proto has a blank, so splitting at blanks is what is wanted.
    # shellcheck disable=SC2046
    protoc "$@" $(cat)
}

# same PACKAGE: tells whether a package in src is what was generated, and how it differs.
same() {
    diff -r --exclude=__pycache__ "$fresh/perdure/$1" "src/perdure/$1"
}

prepare_environment
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate_into "$fresh"

if [ "${1:-}" = --verify ]; then
    if ! same v1 || ! same internal; then
        echo 'The generated code is not current: run scripts/generate.sh.' >&2
        exit 1
    fi
else
    rm -rf src/perdure/v1 src/perdure/internal
    cp -R "$fresh/perdure/v1" "$fresh/perdure/internal" src/perdure/
fi
