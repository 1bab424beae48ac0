#!/usr/bin/env bash
# Builds the sdist and, from it, the wheel; looks at what they contain; installs the wheel alone and starts it.
# Leaves nothing behind. Needs the project's virtual environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! .venv/bin/python -m build --no-isolation --outdir "$folder/dist" . >"$folder/build.log" 2>&1; then
    cat "$folder/build.log"
    exit 1
fi
.venv/bin/python -m zipfile -e "$folder"/dist/*.whl "$folder/wheel"
mkdir "$folder/sdist"
tar -xzf "$folder"/dist/*.tar.gz -C "$folder/sdist" --strip-components 1

# Each file git knows below a folder must have arrived under its new name.
arrived() {
    local from=$1 to=$2 name
    git ls-files -- "$from" | while read -r name; do
        [ -e "$folder/wheel/$to/${name#"$from"/}" ] || { echo "not in the wheel: $name" >&2; exit 1; }
    done
}
arrived src/perdure perdure
arrived protos/perdure perdure/protos/perdure
arrived protos/google perdure/protos/google
[ -e "$folder/sdist/pyproject.toml" ] || { echo "the sdist has no pyproject.toml" >&2; exit 1; }

.venv/bin/python scripts/check_house.py "$folder/wheel" "$folder/sdist"

.venv/bin/python -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --constraint constraints/runtime.txt "$folder"/dist/*.whl
cd "$folder"
venv/bin/python -W error -c 'import perdure, perdure.v1'
venv/bin/perdure version --client
echo "the wheel holds what it should and starts"
