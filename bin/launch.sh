# Sourced by the commands beside it. Finds the tree that a command belongs to and a Node that can run it, and becomes
# that Node: no process stays in between, so signals and exit codes are the program's own.

# launch SELF ARGUMENT...   SELF is the resolved path of the command.
launch() {
  name=$(basename -- "$1")
  root=$(dirname -- "$(dirname -- "$1")")
  shift
  if [ -d "$root/src" ]; then
    if [ ! -d "$root/node_modules" ]; then
      echo "$name: $root has no node_modules" >&2
      echo "hint: run \"npm start\" there once, or \"npm ci\"" >&2
      exit 1
    fi
    # Set-up links the checkout's pinned Node here (scripts/set-up.mjs).
    if [ -x "$root/node_modules/.bin/node" ]; then
      exec "$root/node_modules/.bin/node" "$root/src/cli/$name.ts" "$@"
    fi
    require_node
    # Before Node 24.3, running TypeScript as it is prints a warning at every start.
    exec node --disable-warning=ExperimentalWarning "$root/src/cli/$name.ts" "$@"
  fi
  require_node
  exec node "$root/dist/cli/$name.js" "$@"
}

# Ends the command unless `node` is 22.18 or newer: the first line in which TypeScript runs as it is.
require_node() {
  if ! command -v node >/dev/null 2>&1; then
    echo "$name: no node was found on PATH" >&2
    echo "hint: install Node.js 22.18 or newer" >&2
    exit 1
  fi
  # shellcheck disable=SC2016 # the ${} is JavaScript's
  if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)'; then
    echo "$name: $(command -v node) is Node.js $(node --version), too old" >&2
    echo "hint: install Node.js 22.18 or newer, or put it first on PATH" >&2
    exit 1
  fi
}
