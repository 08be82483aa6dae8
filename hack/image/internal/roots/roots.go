// Package roots has the certificate authorities that the image trusts: Mozilla's,
// as the Go project ships them. A version of a Go module is the same on every
// machine and is checked against the checksum database; a distribution's
// ca-certificates depends on the day it was installed.
package roots

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// File is the first place where Go, like most others, looks for them.
const File = "/etc/ssl/certs/ca-certificates.crt"

// PEM is the bundle. Authorities that are trusted only for certificates issued
// before some day are left out: a file cannot say that.
func PEM() ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		c, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("a certificate of the bundle: %w", err)
		}
		fmt.Fprintf(&b, "# %s\n", c.Subject)
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
