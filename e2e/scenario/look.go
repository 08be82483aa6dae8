//go:build linux

package scenario

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/witness"
)

// look is the witness's own test: it has to see a pod's process in the cluster
// begin, in that pod, and end.
func (u *suite) look(ctx context.Context, c *lab.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	key := "witness/" + strings.ToLower(rand.Text()[:8])
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "e2e-witness-"},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(1)),
			Containers: []corev1.Container{{
				Name: "main", Image: u.lab.WorkerImage, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"/worker"},
				Env: []corev1.EnvVar{{Name: witness.EnvKey, Value: key}, {Name: witness.EnvCluster, Value: c.Name}},
			}},
		},
	}
	if err := c.Create(ctx, pod); err != nil {
		return err
	}
	deleted := false
	remove := func(ctx context.Context) error { deleted = true; return c.Delete(ctx, pod) }
	defer func() {
		if !deleted {
			_ = client.IgnoreNotFound(remove(context.WithoutCancel(ctx)))
		}
	}()
	run, err := u.witness.Await(ctx, key, witness.Run.Alive)
	if err != nil {
		return err
	}
	if run.Pod != string(pod.UID) || run.Cluster != c.Name || run.Container == "" {
		return fmt.Errorf("a process of pod %s is taken for %v", pod.UID, run)
	}
	if err := remove(ctx); err != nil {
		return err
	}
	if _, err := u.witness.Await(ctx, key, func(r witness.Run) bool { return !r.Alive() }); err != nil {
		return errors.Join(errors.New("its end was not seen"), err)
	}
	return nil
}
