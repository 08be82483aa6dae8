// Command trusts reads a certificate and says by its exit code whether this system trusts it.
package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
)

func main() {
	der, err := io.ReadAll(os.Stdin)
	if err == nil {
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(der); err == nil {
			_, err = c.Verify(x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
