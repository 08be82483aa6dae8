#!/usr/bin/env bash
# node.sh NAME INDEX DIR BIN IMAGES GATES: PID 1 of one cluster's namespaces.
# Makes its mounts and its network, then starts every component and starts it
# again when it ends, unless /run/hold-COMPONENT exists. Ends only by SIGKILL:
# the kernel then ends every process of the cluster and drops its mounts.
set -u
name=$1 index=$2 dir=$3 bin=$4 images=$5 gates=$6
. "$(dirname "$0")/common.sh"
address=10.210.$index.2

for c in $controllers; do
  echo $$ >"/sys/fs/cgroup/$c/mongogate-$name/sys/cgroup.procs" || log "no cgroup controller $c"
done
# A peer group of our own: mounts that pods share go no further than this node.
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock
mount --bind "$dir/var-lib" /var/lib
mount --bind "$dir/var-log" /var/log
hostname "$name"

until [ -e "$dir/network" ]; do sleep 0.02; done
ip link set lo up
ip addr add "$address/16" dev up0
ip link set up0 up
# A default route that leads nowhere: service addresses get a route, and nothing leaves.
ip link add nowhere type bridge
ip link set nowhere up
ip route add default dev nowhere
echo 1 >/proc/sys/net/ipv4/ip_forward
ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -Hn)"
export PATH=$bin:/usr/sbin:/usr/bin:/sbin:/bin

keep() {
  local component=$1
  shift
  (
    while :; do
      while [ -e "/run/hold-$component" ]; do sleep 0.1; done
      "$@" >>"$dir/logs/$component.log" 2>&1 &
      echo $! >"/run/$component.pid"
      wait $!
      log "$(date -u +%T) $component ended with $?"
      rm -f "/run/$component.pid"
      sleep 0.5
    done
  ) &
}
socket=/run/containerd/containerd.sock
api() { curl -sf --max-time 1 --cacert "$dir/pki/ca.crt" --cert "$dir/pki/admin.crt" --key "$dir/pki/admin.key" "https://$address:6443$1"; }

# etcd without fsync: a machine that loses power loses the cluster, and these are for tests.
keep etcd etcd --name "$name" --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster "$name=http://127.0.0.1:2380"
keep containerd containerd -c "$dir/conf/containerd.toml"
keep kube-apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="$address" --secure-port=6443 \
  --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --tls-cert-file="$dir/pki/apiserver.crt" --tls-private-key-file="$dir/pki/apiserver.key" --client-ca-file="$dir/pki/ca.crt" \
  --kubelet-client-certificate="$dir/pki/apiserver-kubelet.crt" --kubelet-client-key="$dir/pki/apiserver-kubelet.key" \
  --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$dir/pki/sa.pub" --service-account-signing-key-file="$dir/pki/sa.key" \
  --profiling=false ${gates:+--feature-gates="$gates"}
until [ -S $socket ] && ctr -a $socket version >/dev/null 2>&1; do sleep 0.05; done
for archive in "$images"/*.tar; do
  # What the image store has already (a cluster that was started again) costs nothing.
  ctr -a $socket -n k8s.io images import --local=true "$archive" >>"$dir/logs/import.log" 2>&1 ||
    log "cannot import $archive, see $dir/logs/import.log"
done
keep kubelet kubelet --config="$dir/conf/kubelet.yaml" --kubeconfig="$dir/kubeconfig/kubelet" --root-dir=/var/lib/kubelet \
  --hostname-override="$name" --node-ip="$address"
until api /readyz >/dev/null 2>&1; do sleep 0.1; done
keep kube-controller-manager kube-controller-manager --kubeconfig="$dir/kubeconfig/kube-controller-manager" --leader-elect=false \
  --use-service-account-credentials=true --service-account-private-key-file="$dir/pki/sa.key" --root-ca-file="$dir/pki/ca.crt" \
  --cluster-signing-cert-file="$dir/pki/ca.crt" --cluster-signing-key-file="$dir/pki/ca.key" --bind-address=127.0.0.1 \
  --kube-api-qps=500 --kube-api-burst=1000 ${gates:+--feature-gates="$gates"}
keep kube-scheduler kube-scheduler --kubeconfig="$dir/kubeconfig/kube-scheduler" --leader-elect=false --bind-address=127.0.0.1 \
  --kube-api-qps=500 --kube-api-burst=1000 ${gates:+--feature-gates="$gates"}
keep kube-proxy kube-proxy --config="$dir/conf/proxy.yaml"
while :; do wait -n || sleep 1; done
