package mongolock

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// userURI is the server's URI for another user.
func userURI(t *testing.T, s *devdb.Server, name, password, source string) string {
	t.Helper()
	u, err := url.Parse(s.URI)
	if err != nil {
		t.Fatal("the server's URI cannot be parsed")
	}
	u.User = url.UserPassword(name, password)
	q := u.Query()
	q.Set("authSource", source)
	u.RawQuery = q.Encode()
	return u.String()
}

// TestLeastPrivilegeIsEnough: find, insert and update on the one collection
// serve everything but what makes or lists indexes. SecantusDB checks roles per database.
func TestLeastPrivilegeIsEnough(t *testing.T) {
	s := devdbtest.Start(t, devdb.Auth)
	root := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI)))(t)
	defer func() { must.Do(t, root.Disconnect(context.Background())) }()
	db := root.Database(DefaultDatabase)
	const password = "p@ss:w/rd%"
	for _, command := range []bson.D{
		{{Key: "createRole", Value: "locker"}, {Key: "roles", Value: bson.A{}}, {Key: "privileges", Value: bson.A{bson.D{
			{Key: "resource", Value: bson.D{{Key: "db", Value: DefaultDatabase}, {Key: "collection", Value: DefaultCollection}}},
			{Key: "actions", Value: bson.A{"find", "insert", "update"}},
		}}}},
		{{Key: "createUser", Value: "gate"}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A{"locker"}}},
		{{Key: "createUser", Value: "reader"}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A{"read"}}},
	} {
		must.Do(t, db.RunCommand(t.Context(), command).Err())
	}
	o := Options{Owner: "a", Timing: quick(), Keep: time.Hour, ChangeStream: true, Poll: 50 * time.Millisecond}
	connect := func(uri string) *Locker {
		l := must.Get(Connect(uri, o))(t)
		t.Cleanup(func() { must.Do(t, l.Close(context.Background())) })
		return l
	}
	l := connect(userURI(t, s, "gate", password, DefaultDatabase))
	ctx := within(t, time.Minute)
	lease := kept(t)(l.Try(ctx, "key"))
	must.Do(t, lease.Renew(ctx))
	must.Do(t, lease.IsHeld(ctx))
	must.Get(l.Info(ctx, "key"))(t)
	must.Get(l.List(ctx, "", 0))(t)
	must.Get(l.Revoke(ctx, "key"))(t)
	must.Do(t, lease.Release(ctx))
	must.Get(l.ForceReleaseNow(ctx, "key"))(t)
	must.Get(l.MarkAbandoned(ctx, "run@", time.Hour))(t)
	must.Get(l.ServerTime(ctx))(t)
	pair := must.Get(l.AcquireAlone(ctx, "run@1", "run"))(t)
	must.Do(t, pair.Finish(ctx, Succeeded))
	must.Get(l.Check(ctx))(t)
	// The index is made by somebody who may.
	if err := l.CreateIndex(ctx); err == nil {
		t.Error("the least role made an index")
	}
	must.Do(t, connect(s.URI).CreateIndex(ctx))

	reader := connect(userURI(t, s, "reader", password, DefaultDatabase))
	begun := time.Now()
	if _, err := reader.Acquire(ctx, "key"); err == nil || errors.As(err, new(*WaitError)) || strings.Contains(err.Error(), password) {
		t.Errorf("who may only read: %v", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("refused after %v", took)
	}
}

// TestP4_FailedSignInIsRefusedAtOnce: no repetition mends a wrong password.
func TestP4_FailedSignInIsRefusedAtOnce(t *testing.T) {
	s := devdbtest.Start(t, devdb.Auth)
	for name, uri := range map[string]string{
		"wrong password": userURI(t, s, "root", canary, "admin"),
		"no such user":   userURI(t, s, canary+"-user", canary, "admin"),
	} {
		l := must.Get(Connect(uri, Options{Timing: Timing{TTL: time.Minute}}))(t)
		begun := time.Now()
		_, err := l.Acquire(within(t, 30*time.Second), "key")
		if took := time.Since(begun); err == nil || took > 10*time.Second || errors.As(err, new(*WaitError)) {
			t.Errorf("%s: %v after %v", name, err, took)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the secret is in %q", name, err)
		}
		must.Do(t, l.Close(context.Background()))
	}
}

func TestTLSWithACertificateAuthority(t *testing.T) {
	s := devdbtest.Start(t, devdb.TLS)
	w := &wire{server: s, name: "tls"}
	lease := kept(t)(w.connect(t, s.URI).Try(t.Context(), "key"))
	must.Do(t, lease.Renew(t.Context()))
	u := must.Get(url.Parse(s.URI))(t)
	q := u.Query()
	q.Del("tlsCAFile")
	u.RawQuery = q.Encode()
	ctx := within(t, 3*time.Second)
	if _, err := w.connect(t, u.String()).Try(ctx, "key"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an authority that nobody vouches for: %v", err)
	}
	q.Del("tls")
	u.RawQuery = q.Encode()
	ctx = within(t, 3*time.Second)
	if _, err := w.connect(t, u.String()).Try(ctx, "key"); err == nil {
		t.Error("acquired without TLS")
	}
}

// canary is a password that must not be seen anywhere.
const canary = "c4nary"

// badURIs are wrong, and have the canary where secrets stand.
var badURIs = []string{ //nolint:gochecknoglobals // a constant table
	"",
	canary,
	"postgres://u:" + canary + "@h/",
	"mongodb://u:" + canary,
	"mongodb://u:" + canary + "@",
	"mongodb://u:" + canary + "@/",
	"mongodb://u:" + canary + "@h:port/",
	"mongodb://u:" + canary + "@h:99999/",
	"mongodb://u:" + canary + "@h:-1/",
	"mongodb://u:" + canary + "@[::1/",
	"mongodb://u:%zz" + canary + "@h/",
	"mongodb://u:" + canary + "%@h/",
	"mongodb://u:" + canary + "@@h/",
	"mongodb://u:x@" + canary + "@h/",
	"mongodb://u:x/" + canary + "@h/",
	"mongodb://u:x?" + canary + "@h/",
	"mongodb://u:x&" + canary + "/@h/",
	"mongodb://u:x?y=" + canary + "&z@h/",
	"mongodb://u:x:" + canary + "@h/",
	"mongodb://u:x@h/?" + canary + "=y@h/",
	"mongodb://u:x@h/?y=1&" + canary + "=@h/",
	"mongodb://u:x@h/?maxPoolSize=" + canary + "@h/",
	"mongodb://:" + canary + "@h/",
	"mongodb://u:" + canary + "@h/?tls=maybe",
	"mongodb://u:" + canary + "@h/?w=1",
	"mongodb://u:" + canary + "@h/?w=x&journal=false",
	"mongodb://u:" + canary + "@h/?w=-3",
	"mongodb://u:" + canary + "@h/?authMechanism=NONE",
	"mongodb://u:" + canary + "@h/?authMechanism=MONGODB-X509",
	"mongodb://u:p@h/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN" + canary,
	"mongodb://u:p@h/?authMechanismProperties=" + canary,
	"mongodb://u:p@h/?authMechanismProperties=" + canary + ":" + canary,
	"mongodb://u:p@h/?authMechanism=GSSAPI&authSource=db&authMechanismProperties=SERVICE_NAME:" + canary,
	"mongodb://u:" + canary + "@h/?tlsCAFile=/nonexistent/ca.pem&tls=true",
	"mongodb://h/?tls=true&tlsCertificateKeyFile=/nonexistent/key.pem&tlsCertificateKeyFilePassword=" + canary,
	"mongodb://h/?tls=false&tlsCertificateKeyFile=/nonexistent/key.pem&tlsCertificateKeyFilePassword=" + canary,
	"mongodb://u:" + canary + "@h/?tlsInsecure=true&tlsAllowInvalidCertificates=true",
	"mongodb://u:" + canary + "@h/?connectTimeoutMS=soon",
	"mongodb://u:" + canary + "@h/?readPreference=none",
	"mongodb://u:" + canary + "@h/?maxPoolSize=-1",
	"mongodb://u:" + canary + "@h,i/?directConnection=true",
	"mongodb://u:" + canary + "@h/?loadBalanced=true&replicaSet=rs",
	"mongodb://u:p@h/?" + canary,
	"mongodb://u:p@h/?" + canary + "%zz",
	"mongodb://u:p@h/?proxyPassword=%zz" + canary,
	"mongodb+srv://u:" + canary + "@h:1/",
	"mongodb+srv://u:" + canary + "@h,i/",
	"mongodb+srv://u:" + canary + "@h/?w=1",
}

func TestErrorsShowNoPassword(t *testing.T) {
	refusedURIs := 0
	for _, uri := range badURIs {
		check := CheckURI(uri)
		if check != nil {
			refusedURIs++
			if !errors.Is(check, ErrConfig) {
				t.Errorf("%q: %v is no ErrConfig", uri, check)
			}
			if !strings.Contains(check.Error(), "URI") {
				t.Errorf("%q: %q does not say that it is the URI", uri, check)
			}
		}
		o := Options{Timing: Timing{TTL: 250 * time.Millisecond, AllowShort: true}}
		l, err := Connect(uri, o)
		if (check == nil) != (err == nil) {
			t.Errorf("%q: CheckURI says %v, Connect %v", uri, check, err)
		}
		var errs []error
		errs = append(errs, check, err)
		if l != nil {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := l.Try(ctx, "key")
			_, info := l.Info(ctx, "key")
			_, list := l.List(ctx, "", 0)
			_, store := l.Store(ctx)
			_, wait := l.Acquire(ctx, "key")
			cancel()
			errs = append(errs, err, info, list, store, wait, l.Close(context.Background()))
		}
		for _, err := range errs {
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%q: the secret is in %q", uri, err)
			}
		}
	}
	if refusedURIs < 30 {
		t.Errorf("only %d of %d URIs were refused", refusedURIs, len(badURIs))
	}
}

func TestURIsThatAreRight(t *testing.T) {
	for _, uri := range []string{
		"mongodb://h", "mongodb://h:1/", "mongodb://u:p%40@h,i:2,j/db?replicaSet=rs&authSource=admin", "mongodb://h/?w=majority&journal=true",
		"mongodb://h/?readPreference=secondary&readPreferenceTags=dc:a&readPreferenceTags=", "mongodb://h/?retryWrites=true&w=majority",
		"mongodb+srv://u:p@cluster0.example.mongodb.net/?retryWrites=true&w=majority&appName=x", "mongodb://[::1]:27017/",
	} {
		if err := CheckURI(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// TestNameThatIsNotFoundIsNoBadConfiguration: a resolver that is away for a moment must not end a program for good.
func TestNameThatIsNotFoundIsNoBadConfiguration(t *testing.T) {
	_, err := Connect("mongodb+srv://u:"+canary+"@no-such-host.invalid/", Options{})
	if err == nil || errors.Is(err, ErrConfig) || !errors.Is(err, ErrUnknown) || strings.Contains(err.Error(), canary) {
		t.Errorf("%v, want unknown", err)
	}
}

func FuzzHarmless(f *testing.F) {
	for _, uri := range badURIs {
		f.Add(strings.ReplaceAll(uri, canary, "x"), "secret")
	}
	f.Fuzz(func(t *testing.T, rest, junk string) {
		if strings.ContainsAny(junk, "@/?") {
			return
		}
		// Whatever else there is: the password of a user part is not in the complaint.
		err := CheckURI("mongodb://user:" + junk + canary + junk + "@h/" + rest)
		if err != nil && strings.Contains(err.Error(), canary) && !strings.Contains(rest, canary) {
			t.Errorf("%q, %q: %v", rest, junk, err)
		}
	})
}
