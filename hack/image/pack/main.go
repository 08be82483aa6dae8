// Command pack compresses standard input as the image wants it, for the Dockerfile.
package main

import (
	"fmt"
	"os"

	"github.com/mongogate/mongogate/hack/image/internal/pack"
)

func main() {
	if err := pack.Pack(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}
