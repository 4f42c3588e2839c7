#!/bin/bash
# One node, without the daemons of Kubernetes: node.sh up|kill|remove|cut|heal NUMBER
#   up      namespaces, network, containerd, images; does nothing when the node is there
#   kill    its power cut        remove   also deletes the Node object
#   cut     a partition: it goes on alone, and what it sends gets nowhere        heal   the end of that
set -euo pipefail
source "$(dirname "$0")/lib.sh"

n=$2 node=node$2 dir=$STATE/node$2

# Mount points that the host does not have are remembered, so that down.sh takes them away again.
make_mount_point() {
  local missing=$1
  while [ ! -e "$(dirname "$missing")" ]; do missing=$(dirname "$missing"); done
  [ -e "$1" ] || echo "$missing" >>"$STATE/mount-points"
  mkdir -p "$1"
}

make_bridge() {
  local network
  ! ip link show "$BRIDGE" >/dev/null 2>&1 || return 0
  for network in "$SUBNET.0/24" "$POD_CIDR" "$SERVICE_CIDR"; do
    [ -z "$(ip route show root "$network")" ] || fail "the host already routes a part of $network: $(ip route show root "$network")"
  done
  ip link add "$BRIDGE" type bridge
  ip addr add "$SUBNET.254/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  ip route add "$SERVICE_CIDR" via "$SUBNET.1"
}

# The holder: PID 1 of the node. Its private mounts put the node's own directories where the daemons expect them.
make_namespaces() {
  local owned path
  owned="/var/lib/kubelet /var/lib/containerd /run/containerd /var/lib/cni /run/netns /var/log/pods /var/log/containers"
  for path in $owned; do make_mount_point "$path"; mkdir -p "$dir/root$path"; done
  setsid unshare --net --mount --pid --fork --propagation private --mount-proc sh -c '
    : node '"$node"'
    mount --make-rshared /
    for path in '"$owned"'; do mount --bind "'"$dir"'/root$path" "$path"; done
    touch "'"$dir"'/run/mounted"
    while :; do sleep 3600; done' >"$dir/log/holder.log" 2>&1 </dev/null &
  wait_for 10 "the namespaces of $node" "$dir/log/holder.log" test -e "$dir/run/mounted"
  pgrep -P $! >"$dir/pid"
}

# One leg on the host's bridge and no default route, so nothing can leave the machine.
make_network() {
  local other
  ! ip link show "nf-$node" >/dev/null 2>&1 || ip link del "nf-$node"
  ip link add "nf-$node" type veth peer name eth0 netns "$(node_pid "$node")"
  ip link set "nf-$node" master "$BRIDGE" up
  inside "$node" sh -euc "
    ip link set lo up
    ip link set eth0 up
    ip addr add $SUBNET.$n/24 dev eth0
    ip route add unreachable default
    ip route add $SERVICE_CIDR dev lo src $SUBNET.$n   # else the node itself cannot reach ClusterIPs (webhooks)
    sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1"
  ip route replace "10.244.$n.0/24" via "$SUBNET.$n"
  for other in $(node_names); do
    [ "$other" != "$node" ] && node_alive "$other" || continue
    inside "$node" ip route replace "10.244.${other#node}.0/24" via "$SUBNET.${other#node}"
    inside "$other" ip route replace "10.244.$n.0/24" via "$SUBNET.$n"
  done
}

# The node's own cgroup: everything the kubelet makes stays below it.
make_cgroup() {
  local root file
  for root in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts); do
    mkdir -p "$root/$GROUP-$node"
    for file in cpuset.cpus cpuset.mems; do
      [ ! -e "$root/$file" ] || [ -e "$root/cgroup.controllers" ] || cat "$root/$file" >"$root/$GROUP-$node/$file"
    done
  done
}

write_configuration() {
  local file
  for file in containerd.toml cni.conflist kubelet.yaml; do
    sed -e "s|@DIR@|$dir|g; s|@PKI@|$PKI|g; s|@NODE@|$node|g; s|@IP@|$SUBNET.$n|g; s|@PODS@|10.244.$n.0/24|g" \
      -e "s|@DNS@|$DNS_IP|g; s|@GROUP@|$GROUP|g" "$CONFIG/$file.in" >"$dir/etc/$file"
  done
  mv "$dir/etc/cni.conflist" "$dir/etc/cni/net.d/10-bridge.conflist"
  echo "nameserver 127.0.0.1" >"$dir/etc/resolv.conf"
}

up() {
  local archive
  if ! node_alive "$node"; then
    rm -rf "$dir"
    mkdir -p "$dir"/{run,log,etc/cni/net.d}
    make_bridge
    make_namespaces
    make_network
    make_cgroup
    write_configuration
  fi
  "$HERE/daemon.sh" start containerd "$node"
  [ ! -e "$dir/run/images" ] || return 0
  for archive in "$IMAGES"/*.tar; do "$HERE/image.sh" load "$archive" "$node"; done
  touch "$dir/run/images"
}

power_cut() {
  local pid
  node_alive "$node" || return 0
  pid=$(node_pid "$node")
  kill -KILL "$pid"
  wait_for 20 "the end of $node" "$dir/log/holder.log" test ! -e "/proc/$pid"
}

case $1 in
cut) ip link set "nf-$node" nomaster ;;
heal) ip link set "nf-$node" master "$BRIDGE" ;;
up) up ;;
kill) power_cut ;;
remove) power_cut; kubectl delete node "$node" --ignore-not-found ;;
*) fail "up, kill, remove, cut or heal" ;;
esac
