#!/bin/sh
# Debian 12 packages that the test cluster and the images of its tests need. Run as root. Nothing is configured.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends --no-upgrade \
  containerd runc containernetworking-plugins iptables conntrack ipset \
  iproute2 util-linux procps openssl ca-certificates curl jq buildah busybox-static musl-tools gcc
