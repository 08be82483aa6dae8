//go:build linux

package docs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// TestRole makes the role of docs/use/database.md as it stands, and works with it:
// everything that a gate and people do is allowed, removing is not.
func TestRole(t *testing.T) {
	t.Parallel()
	begin(t) // the binary
	server := devdbtest.Start(t, devdb.Auth)
	root := connect(t, server.URI)
	role := documentedRole(t)
	command := append(bson.D{{Key: "createRole", Value: role.name}}, role.rest...)
	db := root.Database("mongolock")
	for _, c := range []any{
		bson.D{{Key: "create", Value: "lock"}},
		command,
		bson.D{{Key: "createUser", Value: "reports"}, {Key: "pwd", Value: "secret-pwd"}, {Key: "roles", Value: bson.A{role.name}}},
	} {
		if err := db.RunCommand(t.Context(), c).Err(); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
	}
	uri := asUser(t, server.URI)
	p := place{dir: t.TempDir(), env: append(newPlace(t, "role").env, "MONGOGATE_URI="+uri, "MONGOGATE_DATABASE=mongolock")}
	for _, args := range [][]string{
		{"run", "--key", "reports", "--", "true"},
		{"run", "--key", "reports@{{.Bucket}}", "--bucket", "1d", "--no-overlap", "--", "true"},
		{"list"},
		{"show", "reports"},
		{"history", "reports"},
		{"status", "reports"},
		{"doctor", "--key", "reports"},
		{"force-release", "reports", "--now", "--yes"},
	} {
		said, code := p.mongogate(t, args...)
		if code != 0 || strings.Contains(said, "secret-pwd") {
			t.Errorf("mongogate %q: exit code %d\n%s", args, code, said)
		}
	}
	locks := connect(t, uri).Database("mongolock").Collection("lock")
	if _, err := locks.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: "reports"}}); err == nil {
		t.Error("the role may remove documents")
	}
	if said, code := p.mongogate(t, "doctor", "--key", "any", "--create-index"); code == 0 {
		t.Errorf("the role may create indexes:\n%s", said)
	}
}

type role struct {
	name string
	rest bson.D
}

var createRole = regexp.MustCompile(`(?s)createRole\((.*)\)`)

// documentedRole reads the block of docs/use/database.md, which is JSON inside its parentheses.
func documentedRole(t *testing.T) role {
	t.Helper()
	for _, blocks := range marked(t, "test: role", "js", 1) {
		for _, b := range blocks {
			m := createRole.FindStringSubmatch(b.text)
			if m == nil {
				t.Fatalf("no createRole in %q", b.text)
			}
			var doc bson.D
			must.Do(t, bson.UnmarshalExtJSON([]byte(m[1]), false, &doc))
			r := role{}
			for _, e := range doc {
				if name, ok := e.Value.(string); ok && e.Key == "role" {
					r.name = name
					continue
				}
				r.rest = append(r.rest, e)
			}
			return r
		}
	}
	return role{}
}

func connect(t *testing.T, uri string) *mongo.Client {
	t.Helper()
	c := must.Get(mongo.Connect(options.Client().ApplyURI(uri)))(t)
	t.Cleanup(func() {
		if err := c.Disconnect(t.Context()); err != nil {
			t.Log(err)
		}
	})
	return c
}

// asUser is the connection string with the documents' user.
func asUser(t *testing.T, uri string) string {
	t.Helper()
	u := must.Get(url.Parse(uri))(t)
	q := u.Query()
	q.Set("authSource", "mongolock")
	u.User, u.RawQuery = url.UserPassword("reports", "secret-pwd"), q.Encode()
	return u.String()
}

var connection = regexp.MustCompile("mongodb(?:\\+srv)?://[^\\s`|]+")

var uriOptions = []string{"appName", "authMechanism", "authSource", "directConnection", "replicaSet", "tls", "tlsCAFile", "tlsCertificateKeyFile"}

// TestConnectionStrings: those that are shown are accepted.
func TestConnectionStrings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "both.pem")
	must.Do(t, os.WriteFile(file, certificate(t), 0o600))
	checked := 0
	for _, p := range pages(t) {
		for _, uri := range connection.FindAllString(p.text, -1) {
			if strings.Contains(uri, "…") {
				continue
			}
			checked++
			uri = strings.NewReplacer("/etc/mongogate/ca.pem", file, "/etc/mongogate/client.pem", file).Replace(uri)
			if err := mongolock.CheckURI(uri); err != nil {
				t.Errorf("%s: %s: %v", p.name, uri, err)
			}
			_, query, _ := strings.Cut(uri, "?")
			for option := range strings.SplitSeq(query, "&") { // the driver passes over those that it does not know
				if name, _, _ := strings.Cut(option, "="); !slices.Contains(uriOptions, name) {
					t.Errorf("%s: %s: the option %q", p.name, uri, name)
				}
			}
		}
	}
	if checked < 4 {
		t.Errorf("only %d connection strings", checked)
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	key := must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "reports"}, NotAfter: time.Now().Add(time.Hour)}
	der := must.Get(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key))(t)
	secret := must.Get(x509.MarshalPKCS8PrivateKey(key))(t)
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
}
