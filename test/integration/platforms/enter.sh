#!/bin/sh
# Usage: unshare -n -m sh enter.sh NETWORK COMMAND...
# Makes the network and hides what this machine tells about itself, then runs the command there.
set -eu
network=$1
shift
# Not this machine's own hints.
if [ -d /sys/class/dmi ]; then mount -t tmpfs none /sys/class/dmi; fi
mount -t tmpfs none "$(readlink -f /var/run)"
ip link set lo up
case $network in
  address) ip addr add 169.254.169.254/32 dev lo ;;
  ipv6) ip -6 addr add fd20:ce::254/128 dev lo nodad ;;
  unreachable) ip route add unreachable 169.254.169.254 ;;
  none) ;;
  dropped)
    # Packets go into a cable whose other end knows no such address.
    ip link add v0 type veth peer name v1
    ip link set v0 up
    ip link set v1 up
    ip addr add 10.9.0.1/24 dev v0
    ip route add 169.254.169.254 dev v0
    ip neigh add 169.254.169.254 lladdr 02:00:00:00:00:09 dev v0
    ;;
esac
exec "$@"
