//go:build linux

package kube

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Values are values of the chart.
type Values map[string]any

// With is v with others on top: maps are merged, lists named env are added to
// and lose what has another value now, all else is replaced.
func (v Values) With(others Values) Values {
	return merge(v, others)
}

func merge(below, above map[string]any) map[string]any {
	out := maps.Clone(below)
	if out == nil {
		out = map[string]any{}
	}
	for name, value := range above {
		lower, ok := asMap(out[name])
		upper, too := asMap(value)
		if ok && too {
			value = merge(lower, upper)
		}
		if below, ok := out[name].([]any); ok && name == "env" {
			more, _ := value.([]any)
			value = slices.Concat(without(below, more), more)
		}
		out[name] = value
	}
	return out
}

// without is a list of variables without those that are in another list too: to
// the API it is a map by name.
func without(list, others []any) []any {
	nameOf := func(variable any) any { m, _ := asMap(variable); return m["name"] }
	return slices.DeleteFunc(slices.Clone(list), func(v any) bool {
		return slices.ContainsFunc(others, func(o any) bool { return nameOf(o) == nameOf(v) })
	})
}

func asMap(value any) (map[string]any, bool) {
	switch m := value.(type) {
	case Values:
		return m, true
	case map[string]any:
		return m, true
	default:
		return nil, false
	}
}

// helmTimeout is for Helm's own waiting: hooks, and deletion at the end.
const helmTimeout = 2 * time.Minute

// Install installs charts/mongogate with values on top of Base; its objects have
// the release's name. Nothing is waited for, except by hooks.
func (s *Space) Install(release string, values Values) {
	s.t.Helper()
	s.must(s.TryInstall(release, values), "helm install %s", release)
}

// TryInstall is Install for what may be refused.
func (s *Space) TryInstall(release string, values Values) error {
	config, app, err := s.helm()
	if err != nil {
		return err
	}
	return s.install(config, app, release, s.values(release, values))
}

// InstallChart installs another chart of the repository, "e2e/…", with these values alone.
func (s *Space) InstallChart(directory, release string, values Values) {
	s.t.Helper()
	config, _, err := s.helm()
	if err == nil {
		var other chart.Charter
		if other, err = loader.Load(filepath.Join(s.Root, directory)); err == nil {
			err = s.install(config, other, release, s.plain(values))
		}
	}
	s.must(err, "helm install %s from %s", release, directory)
}

func (s *Space) install(config *action.Configuration, from chart.Charter, release string, values map[string]any) error {
	do := action.NewInstall(config)
	do.ReleaseName, do.Namespace, do.Timeout, do.WaitStrategy = release, s.Namespace, helmTimeout, kube.HookOnlyStrategy
	_, err := do.RunWithContext(s.t.Context(), from, values)
	return err
}

// Upgrade upgrades a release to values on top of Base.
func (s *Space) Upgrade(release string, values Values) {
	s.t.Helper()
	s.must(s.TryUpgrade(release, values), "helm upgrade %s", release)
}

// TryUpgrade is Upgrade for what may be refused.
func (s *Space) TryUpgrade(release string, values Values) error {
	config, app, err := s.helm()
	if err != nil {
		return err
	}
	do := action.NewUpgrade(config)
	do.Namespace, do.Timeout, do.WaitStrategy = s.Namespace, helmTimeout, kube.HookOnlyStrategy
	_, err = do.RunWithContext(s.t.Context(), release, app, s.values(release, values))
	return err
}

// Rollback brings a release back to what it was before the last upgrade.
func (s *Space) Rollback(release string) {
	s.t.Helper()
	config, _, err := s.helm()
	if err == nil {
		do := action.NewRollback(config)
		do.Timeout, do.WaitStrategy = helmTimeout, kube.HookOnlyStrategy
		err = do.Run(release)
	}
	s.must(err, "helm rollback %s", release)
}

// Uninstall removes a release, and waits until the API has nothing of it.
func (s *Space) Uninstall(release string) {
	s.t.Helper()
	config, _, err := s.helm()
	if err == nil {
		do := action.NewUninstall(config)
		do.Timeout, do.WaitStrategy, do.DeletionPropagation = helmTimeout, kube.LegacyStrategy, "foreground"
		_, err = do.Run(release)
	}
	s.must(err, "helm uninstall %s", release)
}

// HelmTest runs the tests of a release.
func (s *Space) HelmTest(release string) error {
	config, _, err := s.helm()
	if err != nil {
		return err
	}
	do := action.NewReleaseTesting(config)
	do.Namespace, do.Timeout = s.Namespace, helmTimeout
	_, shutdown, err := do.Run(release)
	if err == nil {
		err = shutdown()
	}
	return err
}

// values are those of charts/mongogate.
func (s *Space) values(release string, values Values) map[string]any {
	s.t.Helper()
	return s.plain(s.Base.With(Values{"fullnameOverride": release}).With(values))
}

// plain are values as Helm is given them: nothing but the types that JSON knows.
func (s *Space) plain(values Values) map[string]any {
	s.t.Helper()
	text, err := json.Marshal(values)
	s.must(err, "values")
	plain := map[string]any{}
	s.must(json.Unmarshal(text, &plain), "values")
	return plain
}

// helm is what every action needs, and the chart.
func (s *Space) helm() (*action.Configuration, chart.Charter, error) {
	flags := genericclioptions.NewConfigFlags(true)
	flags.KubeConfig, flags.Namespace = &s.Kubeconfig, &s.Namespace
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(flags, s.Namespace, "secret"); err != nil {
		return nil, nil, fmt.Errorf("helm: %w", err)
	}
	app, err := loader.Load(filepath.Join(s.Root, "charts", "mongogate"))
	if err != nil {
		return nil, nil, fmt.Errorf("helm: %w", err)
	}
	return config, app, nil
}
