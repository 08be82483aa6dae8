package mongolock

import (
	"net"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// URI is what a connection string says of itself.
type URI struct {
	// Secret says that there is a password in it, or an option that holds one.
	Secret bool
	// Unencrypted says that the connection would cross a network without TLS.
	Unencrypted bool
	// Ignored are the options, in lower case, that other drivers know and that have no effect here.
	Ignored []string
}

// AboutURI parses a connection string, without connecting or looking anything
// up. The error is that of [CheckURI].
func AboutURI(uri string) (URI, error) {
	if err := CheckURI(uri); err != nil {
		return URI{}, err
	}
	cs, err := parse(uri)
	if err != nil {
		return URI{}, err
	}
	about := URI{Secret: cs.PasswordSet, Unencrypted: unencrypted(cs)}
	for name := range cs.Options {
		if secretOptions[strings.ToLower(name)] && strings.ToLower(name) != "authmechanismproperties" {
			about.Secret = true
		}
	}
	for name := range cs.AuthMechanismProperties {
		if strings.Contains(strings.ToLower(name), "token") {
			about.Secret = true
		}
	}
	for name := range cs.UnknownOptions {
		about.Secret = about.Secret || secretOptions[name] || strings.Contains(name, "pass")
		about.Ignored = append(about.Ignored, name)
	}
	slices.Sort(about.Ignored)
	return about, nil
}

func unencrypted(cs *connstring.ConnString) bool {
	if cs.SSL || cs.SSLCaFileSet || cs.SSLClientCertificateKeyFileSet {
		return false
	}
	return cs.Scheme == connstring.SchemeMongoDBSRV || slices.ContainsFunc(cs.Hosts, func(host string) bool {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		isSocket := strings.HasSuffix(host, ".sock") || strings.Contains(host, "/")
		return !strings.EqualFold(host, "localhost") && !isSocket && (ip == nil || !ip.IsLoopback())
	})
}

// foreignOptions are those that connection strings have for other drivers, of
// today and of the last years (the URI options specification; PyMongo, Node.js and Mongoose, Java, C#,
// PHP and C, Ruby), in lower case. A string that several programs share may have them.
var foreignOptions = func() map[string]bool { //nolint:gochecknoglobals // a constant table
	all := map[string]bool{}
	for name := range strings.FieldsSeq(`
		wtimeoutms wtimeout wtimeoutmsec fsync j safe slaveok uuidrepresentation guids
		tlsallowinvalidcertificates tlsallowinvalidhostnames tlscrlfile
		waitqueuetimeoutms waitqueuetimeout waitqueuemultiple waitqueuesize
		proxyhost proxyport proxyusername proxypassword
		ssl_certfile ssl_keyfile ssl_cert_reqs ssl_ca_certs ssl_crlfile ssl_match_hostname ssl_pem_passphrase
		tz_aware tzaware tzinfo document_class unicode_decode_error_handler datetime_conversion type_registry event_listeners
		sslvalidate sslca sslkey sslcert sslpass sslcrl sslverifycertificate checkserveridentity
		sslinvalidhostnameallowed sslallowinvalidcertificates sslallowinvalidhostnames sslpemkeyfile sslpemkeypassword sslcafile sslcrlfile
		usenewurlparser useunifiedtopology usecreateindex usefindandmodify autoindex autocreate autoreconnect reconnecttries reconnectinterval
		poolsize minsize maxsize family keepalive keepaliveinitialdelay socketkeepalive nodelay noresponse
		promotevalues promotelongs promotebuffers usebigint64 ignoreundefined raw serializefunctions bsonregexp fieldsasraw enableutf8validation
		checkkeys forceserverobjectid monitorcommands minheartbeatfrequencyms validateoptions loggerlevel
		buffermaxentries buffercommands autoselectfamily autoselectfamilyattempttimeout
		secondaryacceptablelatencyms acceptablelatencyms
		maxlifetimems maxconnectionlifetimems maxlifetime maxidletime maintenanceinitialdelayms maintenancefrequencyms
		streamtype gssapiservicename canonicalizehostname canonicalizegssapihostname authmechanismproperty authdb
		ipv6 allowinsecuretls readencoding writeencoding servermonitoringmaxdelayms sockettimeout connecttimeout heartbeatinterval heartbeattimeout
		serverselectiontimeout localthreshold applicationname maxpoolwaittimems
		socketcheckintervalms serverselectiontryonce
	`) {
		all[strings.ToLower(name)] = true
	}
	return all
}()
