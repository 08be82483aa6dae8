#!/usr/bin/env bash
# conf.sh DIR NAME INDEX BIN GATES: the configuration files of one cluster's components.
# GATES are feature gates of Kubernetes, "A=false,B=true" or nothing.
set -euo pipefail
dir=$1 name=$2 index=$3 bin=$4 gates=$5
mkdir -p "$dir/conf/cni"
cd "$dir/conf"

# restrict_oom_score_adj and oomScoreAdj 0: this may run without the right to lower a score.
cat >containerd.toml <<TOML
version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
disabled_plugins = [
  'io.containerd.snapshotter.v1.btrfs', 'io.containerd.snapshotter.v1.devmapper', 'io.containerd.snapshotter.v1.zfs',
  'io.containerd.snapshotter.v1.blockfile', 'io.containerd.snapshotter.v1.erofs', 'io.containerd.differ.v1.erofs',
  'io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp', 'io.containerd.internal.v1.tracing']
[grpc]
  address = '/run/containerd/containerd.sock'
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = 'mongogate.test/pause:1'
[plugins.'io.containerd.cri.v1.runtime']
  enable_selinux = false
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = 'runc'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = '$bin/runc'
        SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['$bin/cni']
    conf_dir = '$dir/conf/cni'
TOML

cat >cni/10-bridge.conflist <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "/run/cni-networks", "ranges": [[{"subnet": "10.244.$index.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON

# Nothing outside: names that the cluster's DNS does not know fail at once.
echo "nameserver 127.0.0.1" >resolv.conf

# failCgroupV1: false, because machines with version 1 are machines too. Images come
# from archives, so none may be collected: no registry could give it back.
cat >kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /mongogate-$name
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $dir/pki/ca.crt}}
authorization: {mode: Webhook}
failSwapOn: false
oomScoreAdj: 0
resolvConf: $dir/conf/resolv.conf
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
volumePluginDir: /var/lib/kubelet/volumeplugins
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1Gi}
maxPods: 110
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
featureGates: {$(sed 's/=/: /g; s/,/, /g' <<<"$gates")}
YAML

cat >proxy.yaml <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $dir/kubeconfig/kube-proxy}
clusterCIDR: 10.244.$index.0/24
hostnameOverride: $name
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
