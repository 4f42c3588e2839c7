#!/bin/bash
# Takes the test cluster away: nodes with all their processes and mounts, network, cgroups, state.
# Programs and images in the cache stay.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

for node in $(node_names); do
  "$HERE/node.sh" kill "${node#node}"    # PID 1 of the node: the kernel ends every process and drops every mount in it
  for root in $(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts); do
    [ ! -d "$root/$GROUP-$node" ] || find "$root/$GROUP-$node" -depth -type d -exec rmdir {} +
  done
  ip link del "nf-$node" 2>/dev/null || true
done
ip link del "$BRIDGE" 2>/dev/null || true
if [ -e "$STATE/mount-points" ]; then
  while read -r made; do [ ! -d "$made" ] || find "$made" -depth -type d -empty -delete; done <"$STATE/mount-points"
fi
rm -rf "$STATE"
