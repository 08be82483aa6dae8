package mongolock

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestURIOptionsOfOtherDrivers: a string that programs in other languages share is no wrong one.
func TestURIOptionsOfOtherDrivers(t *testing.T) {
	for _, option := range []string{
		"wtimeoutMS=1000", "uuidRepresentation=standard", "tlsAllowInvalidHostnames=true", "waitQueueTimeoutMS=1000", "tz_aware=true",
		"useNewUrlParser=true", "useUnifiedTopology=true", "ssl_cert_reqs=CERT_NONE", "maxLifeTimeMS=1", "streamType=netty", "proxyHost=p",
		"canonicalizeHostname=true", "j=true", "ipv6=true", "UUIDREPRESENTATION=standard",
	} {
		for _, uri := range []string{"mongodb://h/?" + option, "mongodb+srv://h.example.com/?tls=true&" + option} {
			about, err := AboutURI(uri)
			name, _, _ := strings.Cut(option, "=")
			if want := []string{strings.ToLower(name)}; err != nil || !slices.Equal(about.Ignored, want) {
				t.Errorf("%s: %v, ignored %v, want %v", uri, err, about.Ignored, want)
			}
		}
	}
	for option, want := range map[string]string{"wtimeutMS=1": "no option", "uuid=1": "no option", "j=false": "journal", "safe=false": "waives"} {
		if err := CheckURI("mongodb://h/?" + option); !errors.Is(err, ErrConfig) || option != "j=false" && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// TestURIOfSRVIsParsedAsItIs: the driver's parser judges the original, without a look-up.
func TestURIOfSRVIsParsedAsItIs(t *testing.T) {
	for query, want := range map[string]string{
		"":                                    "",
		"srvMaxHosts=3":                       "",
		"srvMaxHosts=3&tls=true":              "",
		"w=majority&SRVMAXHOSTS=0":            "",
		"srvServiceName=customname":           "",
		"srvMaxHosts=3&srvServiceName=a":      "",
		"srvMaxHosts=0&replicaSet=rs":         "",
		"srvMaxHosts=3&replicaSet=rs":         "replica set",
		"srvMaxHosts=3&loadBalanced=true":     "loadBalanced",
		"srvMaxHosts=-1":                      "srvMaxHosts",
		"srvMaxHosts=many":                    "srvMaxHosts",
		"srvServiceName=":                     "srvServiceName",
		"directConnection=true":               "SRV",
		"connect=direct":                      "SRV",
		"srvMaxHost=3":                        "srvmaxhost",
		"srvServiceName=" + longName(63, "a"): "62",
	} {
		err := CheckURI("mongodb+srv://u:p@h.example.com/?" + query)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	for _, uri := range []string{"mongodb://h/?srvMaxHosts=3", "mongodb://h/?srvServiceName=a", "mongodb+srv://a,b/", "mongodb+srv://a:1/"} {
		if err := CheckURI(uri); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func longName(n int, letter string) string { return strings.Repeat(letter, n) }

// TestURITellsOfItself: what the parser understood counts, not what the letters look like.
func TestURITellsOfItself(t *testing.T) {
	for uri, want := range map[string]URI{
		"mongodb://u:p@h/?tls=true&appName=reports@prod":  {Secret: true},
		"mongodb://u:p@h/?tls=false&appName=ssl=true":     {Secret: true, Unencrypted: true},
		"mongodb://u:p@h/?appName=tlscafile=x":            {Secret: true, Unencrypted: true},
		"mongodb://u@h:1/?tls=true&appName=a@b":           {},
		"mongodb://u@h:1/?tls=true&appName=password=none": {},
		"mongodb://u:p%40tls=true@h/":                     {Secret: true, Unencrypted: true},
		"mongodb://localhost/":                            {},
		"mongodb://LOCALHOST:27017/":                      {},
		"mongodb://127.0.0.1,[::1]:27017/":                {},
		"mongodb://127.0.0.1,h/":                          {Unencrypted: true},
		"mongodb://%2Ftmp%2Fmongodb-27017.sock/":          {},
		"mongodb+srv://h.example.com/":                    {},
		"mongodb+srv://h.example.com/?tls=false":          {Unencrypted: true},
		"mongodb+srv://h.example.com/?SSL=false":          {Unencrypted: true},
		"mongodb://h/?tls=true&authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:x": {Secret: true},
		"mongodb://h/?tls=true&proxyPassword=x":                                                       {Secret: true, Ignored: []string{"proxypassword"}},
	} {
		got, err := AboutURI(uri)
		if err != nil && strings.Contains(uri, "AWS") {
			continue // the driver wants more of these credentials
		}
		if err != nil || got.Secret != want.Secret || got.Unencrypted != want.Unencrypted || !slices.Equal(got.Ignored, want.Ignored) {
			t.Errorf("%s: %+v, %v, want %+v", uri, got, err, want)
		}
	}
}

// TestURIWithALineBreak: white space is no part of a connection string, and said to be none.
func TestURIWithALineBreak(t *testing.T) {
	for _, uri := range []string{"mongodb://h/?replicaSet=rs\n", " mongodb://h/", "mongodb://h,\n i/", "mongodb://h/?replicaSet=rs\x00"} {
		if err := CheckURI(uri); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "blank") {
			t.Errorf("%q: %v", uri, err)
		}
	}
}
