#!/usr/bin/env bash
# pki.sh DIR NAME ADDRESS: keys, certificates and kubeconfigs of one cluster, by
# openssl, once: a cluster that is started again keeps its own.
set -euo pipefail
dir=$1 name=$2 address=$3
[ ! -e "$dir/pki/.complete" ] || exit 0
mkdir -p "$dir/pki" "$dir/kubeconfig"
chmod 700 "$dir/pki" "$dir/kubeconfig"
cd "$dir/pki"

ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${ec[@]}" -days 3650 -keyout ca.key -out ca.crt -subj "/CN=mongogate-$name" \
  -addext "keyUsage=critical,digitalSignature,keyCertSign,cRLSign" 2>/dev/null

# certificate FILE SUBJECT EXTENSIONS
certificate() {
  openssl req -new "${ec[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 \
    -extfile <(printf '%s\n' "$3") -out "$1.crt" 2>/dev/null
}
names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost"
certificate apiserver /CN=kube-apiserver "subjectAltName=$names,IP:127.0.0.1,IP:10.96.0.1,IP:$address
extendedKeyUsage=serverAuth"
client=extendedKeyUsage=clientAuth
certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client "$client"
certificate admin /O=system:masters/CN=admin "$client"
certificate kube-controller-manager /CN=system:kube-controller-manager "$client"
certificate kube-scheduler /CN=system:kube-scheduler "$client"
certificate kube-proxy /CN=system:kube-proxy "$client"
certificate kubelet "/O=system:nodes/CN=system:node:$name" "$client"
openssl ecparam -name prime256v1 -genkey -noout -out sa.key 2>/dev/null
openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null

for user in admin kube-controller-manager kube-scheduler kube-proxy kubelet; do
  cat >"../kubeconfig/$user" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: $name, cluster: {server: "https://$address:6443", certificate-authority-data: $(base64 -w0 <ca.crt)}}]
users: [{name: $user, user: {client-certificate-data: $(base64 -w0 <$user.crt), client-key-data: $(base64 -w0 <$user.key)}}]
contexts: [{name: $name, context: {cluster: $name, user: $user}}]
current-context: $name
YAML
done
touch .complete
