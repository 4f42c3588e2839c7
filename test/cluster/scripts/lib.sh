# Settings and functions of the test cluster's scripts; sourced, never run.
# shellcheck shell=bash disable=SC2034
# A "node" is one process with its own network, mount and PID namespace: everything the node runs lives inside,
# so killing that process is a power cut and leaves nothing behind.

STATE=${NOISEFLEET_CLUSTER_STATE:?run it as: npm run cluster -- COMMAND}
CACHE=${NOISEFLEET_CLUSTER_CACHE:?run it as: npm run cluster -- COMMAND}
BIN=$CACHE/bin
IMAGES=$STATE/images       # what every node has, also one that is added later
PKI=$STATE/pki
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CONFIG=$HERE/../config

GROUP=noisefleet-$(printf %s "$STATE" | cksum | cut -d ' ' -f 1)   # cgroups of the nodes: another cluster has another state
BRIDGE=noisefleet0         # on the host: joins the nodes, carries no route to anywhere else
SUBNET=172.30.77           # nodes are .1, .2, …; the host is .254
POD_CIDR=10.244.0.0/16     # node n gets 10.244.n.0/24
SERVICE_CIDR=10.96.0.0/16
DNS_IP=10.96.0.10
API=https://$SUBNET.1:6443

export KUBECONFIG=$STATE/kubeconfig

fail() { echo "error: $*" >&2; exit 1; }
kubectl() { "$BIN/kubectl" "$@"; }

# wait_for SECONDS WHAT LOG COMMAND…: polls until the command succeeds; LOG is where to look when it does not.
wait_for() {
  local end=$((SECONDS + $1)) seconds=$1 what=$2 log=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      "$@" >&2 || true     # what it says, into the step's log
      fail "waited $seconds s for $what; see $log"
    fi
    sleep 0.1
  done
}

node_names() { (shopt -s nullglob; cd "$STATE" 2>/dev/null && printf '%s\n' node*/ | grep -o '^node[0-9]*') || true; }
node_pid() { cat "$STATE/$1/pid" 2>/dev/null; }
node_alive() { local pid; pid=$(node_pid "$1") && grep -qs "node $1" "/proc/$pid/cmdline"; }
node_ready() { kubectl wait --for=condition=Ready "node/$1" --timeout=1s; }

# inside NODE COMMAND…: runs a command in a node's namespaces.
inside() { local pid; pid=$(node_pid "$1"); shift; nsenter --target "$pid" --net --mount --pid -- "$@"; }

# alive NODE DAEMON
alive() { local pid; pid=$(cat "$STATE/$1/run/$2.pid" 2>/dev/null) && grep -qs "$2" "/proc/$pid/cmdline"; }

# runs_as PID COMMAND: for a moment while a process executes a program it has no command line at all.
runs_as() { [ "$(tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | head -n 1)" = "$2" ]; }

# launch NODE DAEMON COMMAND…: starts a daemon in the node unless it runs already; its host PID goes to run/DAEMON.pid.
launch() {
  local node=$1 name=$2 pidfile=$STATE/$1/run/$2.pid target parent pid
  alive "$node" "$name" && return
  shift 2
  target=$(node_pid "$node")   # not below: the substitution would be the first child of the process in the background
  setsid nsenter --target "$target" --net --mount --pid -- "$@" \
    >>"$STATE/$node/log/$name.log" 2>&1 </dev/null &
  parent=$!
  until pgrep -P "$parent" >"$pidfile"; do
    kill -0 "$parent" 2>/dev/null || fail "$name ended at once; see $STATE/$node/log/$name.log"
    sleep 0.02
  done
  pid=$(cat "$pidfile")
  until runs_as "$pid" "$1"; do
    [ -e "/proc/$pid" ] || fail "$name ended at once; see $STATE/$node/log/$name.log"
    sleep 0.02
  done
}

# halt NODE DAEMON SIGNAL: ends a daemon and waits for it.
halt() {
  local pid
  alive "$1" "$2" || return 0
  pid=$(cat "$STATE/$1/run/$2.pid")
  kill "-$3" "$pid"
  wait_for 30 "the end of $2" "$STATE/$1/log/$2.log" test ! -e "/proc/$pid"
}
