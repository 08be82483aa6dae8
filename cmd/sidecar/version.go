//go:build linux

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker for releases: -X main.release=v1.2.3.
var release string //nolint:gochecknoglobals // the linker's

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// madeWith says which program this is, and what it was made with and for.
func madeWith() string {
	return fmt.Sprintf("%s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion(w world) *cobra.Command {
	return plain(about{use: "version", group: restGroup, short: "Print the version"}, exactly(0), func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(w.stdout, "mongogate", madeWith())
		return err
	})
}
