package kube

import "time"

// apiPod is what is read of a Pod of core/v1.
type apiPod struct {
	Metadata struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	} `json:"metadata"`
	Spec struct {
		RestartPolicy  string      `json:"restartPolicy"`
		Containers     []container `json:"containers"`
		InitContainers []container `json:"initContainers"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		ContainerStatuses     []containerStatus `json:"containerStatuses"`
		InitContainerStatuses []containerStatus `json:"initContainerStatuses"`
	} `json:"status"`
}

type container struct {
	Name               string `json:"name"`
	RestartPolicy      string `json:"restartPolicy"`
	RestartPolicyRules []any  `json:"restartPolicyRules"`
	Env                []struct {
		Name string `json:"name"`
	} `json:"env"`
}

type containerStatus struct {
	Name        string `json:"name"`
	ContainerID string `json:"containerID"`
	State       struct {
		Running    *struct{}   `json:"running"`
		Waiting    *struct{}   `json:"waiting"`
		Terminated *terminated `json:"terminated"`
	} `json:"state"`
}

type terminated struct {
	ExitCode   int       `json:"exitCode"`
	Reason     string    `json:"reason"`
	FinishedAt time.Time `json:"finishedAt"`
}

func (c container) has(variable string) bool {
	for _, e := range c.Env {
		if e.Name == variable {
			return true
		}
	}
	return false
}
