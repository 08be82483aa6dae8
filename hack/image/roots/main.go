// Command roots writes the certificate authorities that the image trusts, for the Dockerfile.
package main

import (
	"fmt"
	"os"

	"github.com/mongogate/mongogate/hack/image/internal/roots"
)

func main() {
	data, err := roots.PEM()
	if err == nil {
		_, err = os.Stdout.Write(data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roots:", err)
		os.Exit(1)
	}
}
