package devdb

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

func TestSRVSpelledOut(t *testing.T) {
	cs := &connstring.ConnString{Hosts: []string{"a:1", "b:2"}, AuthSource: "admin", ReplicaSet: "rs", SSL: true, UsernameSet: true}
	for rest, want := range map[string]string{
		"h/":                         "mongodb://a:1,b:2/?authSource=admin&replicaSet=rs&tls=true",
		"u:p%40@h/db?appName=x":      "mongodb://u:p%40@a:1,b:2/db?appName=x&authSource=admin&replicaSet=rs&tls=true",
		"h/?srvMaxHosts=1&tls=false": "mongodb://a:1,b:2/?tls=false&authSource=admin&replicaSet=rs",
	} {
		if got := withHosts(rest, cs); got != want {
			t.Errorf("%s: %s, want %s", rest, got, want)
		}
	}
	if got, err := spelledOut("mongodb://a,b/?x=y"); err != nil || got != "mongodb://a,b/?x=y" {
		t.Errorf("%s, %v", got, err)
	}
}
