//go:build linux

package kube

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mongogate/mongogate/test/must"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Apply applies YAML documents to the namespace. ${NAMESPACE}, ${CLUSTER},
// ${IMAGE}, ${WORKER}, ${KEY} and ${TTL} in them are replaced, and so are the pairs in replace.
func (s *Space) Apply(documents string, replace ...string) {
	s.t.Helper()
	s.must(s.TryApply(documents, replace...), "apply")
}

// TryApply is Apply for what may be refused.
func (s *Space) TryApply(documents string, replace ...string) error {
	pairs := append([]string{"${NAMESPACE}", s.Namespace, "${CLUSTER}", s.Name, "${IMAGE}", s.Lab.Image, "${WORKER}", s.Lab.WorkerImage, "${KEY}", s.Key, "${TTL}", s.TTL.String()}, replace...)
	in := yaml.NewYAMLOrJSONDecoder(strings.NewReader(strings.NewReplacer(pairs...).Replace(documents)), 4096)
	for {
		var o unstructured.Unstructured
		switch err := in.Decode(&o.Object); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case o.Object == nil:
			continue
		}
		o.SetNamespace(s.Namespace)
		if err := s.Cluster.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(&o), client.FieldOwner("e2e"), client.ForceOwnership); err != nil {
			return err
		}
	}
}

// Kustomize applies a directory of the repository, "config/samples/…", with
// patches on top: YAML of a kustomization, "patches: [...]", "images: [...]".
func (s *Space) Kustomize(directory, patches string) {
	s.t.Helper()
	over := s.t.TempDir()
	base, err := filepath.Rel(over, filepath.Join(s.Root, directory)) // absolute ones are refused
	if err != nil {
		s.t.Fatal(err)
	}
	text := "resources: [" + base + "]\nnamespace: " + s.Namespace + "\n" + patches
	must.Do(s.t, os.WriteFile(filepath.Join(over, "kustomization.yaml"), []byte(text), 0o600))
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), over)
	s.must(err, "%s", directory)
	out, err := made.AsYaml()
	s.must(err, "%s", directory)
	s.Apply(string(bytes.TrimSpace(out)))
}
