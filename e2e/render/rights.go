package render

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// allowed is all that a gate ever asks of an API server.
var allowed = map[string][]string{
	"events": {"create", "patch"},
	"pods":   {"get", "patch"},
}

// Rights is every right beyond what a gate uses in its own namespace.
func Rights(objects []runtime.Object) []string {
	var problems []string
	for _, o := range objects {
		switch o := o.(type) {
		case *rbacv1.ClusterRole:
			problems = append(problems, "ClusterRole "+o.Name+": nothing here needs rights in the whole cluster")
		case *rbacv1.ClusterRoleBinding:
			problems = append(problems, "ClusterRoleBinding "+o.Name+": nothing here needs rights in the whole cluster")
		case *rbacv1.Role:
			problems = append(problems, roleRights(o)...)
		}
	}
	return problems
}

func roleRights(role *rbacv1.Role) []string {
	var problems []string
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				if !slices.Contains(allowed[resource], verb) {
					problems = append(problems, fmt.Sprintf("Role %s: no gate needs to %s %s", role.Name, verb, resource))
				}
			}
		}
	}
	return problems
}
