#!/usr/bin/env bash
# `npm run demo`: a small NixOps network from a feature branch to production, with the real Nix, from a clean clone.
# Everything happens in one temporary folder, which is removed at the end. `--keep` keeps it.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
note() { printf '   %s\n' "$*"; }

cd "$repository"
bash .ci/setup

demo=$(mktemp -d "${TMPDIR:-/tmp}/alcides-demo-XXXXXX")
captured=$demo/captured.log
clean_up() {
  local status=$?
  [ "$status" = 0 ] || echo "demo: failed (exit code $status)" >&2
  if [ "${keep-}" = yes ]; then echo "demo: kept in $demo"; return; fi
  chmod -R u+w "$demo" && rm -rf "$demo"
}
[ "${1-}" != --keep ] || keep=yes
trap clean_up EXIT

# NixOps: the real one where it is, with the Nixpkgs that its networks need; else a stand-in, which evaluates and builds with the real Nix.
nixops=stand-in
if command -v nixops >/dev/null; then
  if nix-instantiate --find-file nixpkgs >/dev/null 2>&1; then nixops=real; else
    echo "demo: nixops is here, and no <nixpkgs> on NIX_PATH for its networks: a stand-in takes its part" >&2
  fi
fi

mkdir -p "$demo"/{bin,conf,home,repo}
if [ $nixops = stand-in ]; then
  export PATH=$repository/examples/nixops-stand-in/bin:$PATH
  # A Nix store of the demo's own, so that nothing of this machine's is used or left behind.
  busybox=$(command -v busybox)
  cat >"$demo/conf/nix.conf" <<END
experimental-features = nix-command flakes
substituters =
build-users-group =
sandbox-fallback = true
sandbox-paths = /bin/sh=$busybox /bin/busybox=$busybox
END
  unset NIX_REMOTE NIX_CONFIG NIX_PATH
  export NIX_CONF_DIR=$demo/conf NIX_STORE_DIR=$demo/store NIX_STATE_DIR=$demo/var NIX_LOG_DIR=$demo/log
  nix-store --init
fi

# The user's world: a home, a state store in a folder, a secret that nobody has seen yet, and a repository.
for name in $(compgen -e | grep -E '^(CI$|CI_|GITHUB_|GITEA_|FORGEJO_|BUILDKITE|ALCIDES_|HERCULES_CI_|AWS_|NIXOPS_|XDG_)'); do
  unset "$name"
done
export HOME=$demo/home ALCIDES_STATE=file:$demo/state NO_COLOR=1
secret=$(head -c 30 /dev/urandom | base64 | tr '+/' 'Aa')
mkdir -p "$HOME/.config/alcides/secrets/github/neat-org"
sed "s/an example, and no secret at all/$secret/" "$repository/examples/neat-network/secrets.json" \
  >"$HOME/.config/alcides/secrets/github/neat-org/secrets.json"
chmod 600 "$HOME/.config/alcides/secrets/github/neat-org/secrets.json"

commit() { git -c user.name=Demo -c user.email=demo@example.com commit -qam "$1"; }
cd "$demo/repo"
cp "$repository"/examples/neat-network/{ci.ts,network.nix,network-aws.nix,network-stub.nix} .
if [ $nixops = real ]; then
  # Machines that are nowhere are made in the state alone: nothing is deployed.
  cp "$repository/examples/demo/network-none.nix" network-aws.nix
  sed -i 's/^      name: "foo",$/&\n      action: "create",/' ci.ts
fi
git init -q -b feature
git remote add origin https://github.com/neat-org/neat-repo.git
git add .
commit "A neat network"

printf '#!/bin/sh\nexec node %s/dist/cli.cjs "$@"\n' "$repository" >"$demo/bin/alcides"
chmod +x "$demo/bin/alcides"
export PATH=$demo/bin:$PATH

# Runs a command and shows it; all it says is kept for the last step.
run() {
  printf '\n$ %s\n' "$*"
  "$@" 2>&1 | tee -a "$captured" | sed 's/^/  /'
}

say "The pipeline file: ten lines, type-checked"
sed 's/^/  /' ci.ts
if [ $nixops = real ]; then
  note "$(nixops --version | head -n 1) makes machines that are nowhere: they are built, and written down in the state."
else
  note "NixOps' part is played by a stand-in, which evaluates and builds the network with the real Nix."
fi

say "On the branch \"feature\": everything must build, nothing is deployed, and the plan says why"
run alcides plan --build
run alcides run

say "On refs/heads/production: secrets are granted, and the deployment is created"
[ $nixops = real ] || note "The network prints its credentials on purpose; they show as ***."
git branch -qm production
run alcides run

say "A second run, with one machine more: the state is imported, and no machine is made twice"
sed -i 's/^  web = {/  cache = { };\n\n&/' network.nix
where=inTheCloud
[ $nixops = stand-in ] || where='at "192.0.2.12"'
sed -i "s/^  web = /  cache = $where;\n&/" network-aws.nix
commit "A cache"
run alcides run

say "The state has versions, and a way back: a rollback makes an old version the newest"
run alcides state list
run alcides state history --name nixops-foo.json
run alcides state rollback --name nixops-foo.json --to 1
run alcides state history --name nixops-foo.json

say "A broken network: the mistake is found before anything runs"
git checkout -q -b broken
sed -i 's/nodes.database.config/nodes.databse.config/' network.nix
commit "A typo"
if run alcides run --branch production; then
  echo "demo: the broken network should not have passed" >&2
  exit 1
fi

say "The secret"
for spelling in "$secret" "$(printf %s "$secret" | base64 -w0)"; do
  if grep -qF -- "$spelling" "$captured"; then
    echo "demo: the secret is in the output" >&2
    exit 1
  fi
done
[ $nixops = real ] || grep -qF 'signing in as *** with ***' "$captured"
if grep -rlF -- "$secret" "$demo" --exclude=secrets.json >/dev/null 2>&1; then
  echo "demo: the secret was left in a file" >&2
  exit 1
fi
printed=$([ $nixops = real ] && echo "given to NixOps" || echo "printed by the network")
note "It was $printed, and is in none of the $(wc -l <"$captured") lines above, and in no file but secrets.json."
say "Done"
