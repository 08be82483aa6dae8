package render

import (
	"fmt"
	"iter"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// needed is all that these gates ask of an API server, as "verb resource".
func needed(gates []Gate) map[string]bool {
	need := map[string]bool{}
	for _, g := range gates {
		if g.Settings == nil {
			continue
		}
		need["create events"] = need["create events"] || g.KubeEvents
		need["patch pods"] = need["patch pods"] || g.KubeLabel != ""
		need["get pods"] = need["get pods"] || g.KubeEvidence
		need["get jobs"] = need["get jobs"] || g.KubeOwner
	}
	return need
}

// Rights is every right that none of the gates uses, every right that one needs and that no Role gives, and every right in the whole cluster.
func Rights(objects []runtime.Object, gates []Gate) []string {
	var problems []string
	need, given := needed(gates), map[string]bool{}
	for _, o := range objects {
		switch o := o.(type) {
		case *rbacv1.ClusterRole:
			problems = append(problems, "ClusterRole "+o.Name+": nothing here needs rights in the whole cluster")
		case *rbacv1.ClusterRoleBinding:
			problems = append(problems, "ClusterRoleBinding "+o.Name+": nothing here needs rights in the whole cluster")
		case *rbacv1.Role:
			for right := range rights(o) {
				given[right] = true
				if !need[right] {
					problems = append(problems, fmt.Sprintf("Role %s: no gate needs to %s", o.Name, right))
				}
			}
		}
	}
	for right, is := range need {
		if is && !given[right] {
			problems = append(problems, "no Role lets a gate "+right)
		}
	}
	slices.Sort(problems)
	return problems
}

func rights(role *rbacv1.Role) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					if !yield(verb + " " + resource) {
						return
					}
				}
			}
		}
	}
}
