package settings

import (
	"strconv"
	"strings"
)

// What Kubernetes tells a pod without being asked, or by the names that
// manifests usually give it. They are believed in a pod only, which is where
// KUBERNETES_SERVICE_HOST is set (it is in every pod, enableServiceLinks or
// not). JOB_NAME is not among them: build servers set it to something else.
var podVariables = map[string]string{
	"namespace":        "POD_NAMESPACE",
	"pod":              "POD_NAME",
	"pod-uid":          "POD_UID",
	"node":             "NODE_NAME",
	"completion-index": "JOB_COMPLETION_INDEX", // the Job controller's own, for Indexed Jobs
}

// Labels that the Job controller puts on pods: batch/v1 JobNameLabel,
// ControllerUidLabel and JobCompletionIndexAnnotation of k8s.io/api (as a
// label since Kubernetes 1.28), and the older names of the first two.
var podLabels = map[string][]string{
	"job-name":         {"batch.kubernetes.io/job-name", "job-name"},
	"job-uid":          {"batch.kubernetes.io/controller-uid"},
	"completion-index": {"batch.kubernetes.io/job-completion-index"},
}

// namespaceFile is mounted wherever a pod has its service account's token.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func inPod(environ []string) bool { return lookup(environ, "KUBERNETES_SERVICE_HOST") != "" }

// readLabels reads a file of the downward API: lines of key="value", the value
// quoted as by strconv.Quote (kubernetes/pkg/fieldpath, FormatMap). Other lines are no labels.
func readLabels(data []byte) map[string]string {
	labels := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, quoted, ok := strings.Cut(strings.TrimSpace(line), "=")
		if value, err := strconv.Unquote(quoted); ok && err == nil {
			labels[key] = value
		}
	}
	return labels
}

// stateDirectory is where lease files go when nobody says it.
func stateDirectory(environ []string, uid int) string {
	const root = "/run/mongogate"
	if uid == 0 || inPod(environ) {
		return root
	}
	if dir := lookup(environ, "XDG_RUNTIME_DIR"); strings.HasPrefix(dir, "/") {
		return dir + "/mongogate"
	}
	return "/tmp/mongogate-" + strconv.Itoa(uid)
}
