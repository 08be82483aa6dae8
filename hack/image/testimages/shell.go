package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
)

const (
	passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`
	group = `root:x:0:
daemon:x:1:
nogroup:x:65534:
`
)

// shell is a small system: busybox under each of its names, users, and a place to write.
func (p *places) shell(ctx context.Context) ([]oci.File, error) {
	list, err := exec.CommandContext(ctx, p.busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", p.busybox, err)
	}
	files := []oci.File{
		{Path: "/bin/busybox", Mode: 0o755, From: p.busybox},
		{Path: "/etc/passwd", Mode: 0o644, Data: []byte(passwd)},
		{Path: "/etc/group", Mode: 0o644, Data: []byte(group)},
		{Path: "/usr/bin/env", Link: "/bin/busybox"},
		{Path: "/root", Mode: 0o700},
		{Path: "/home", Mode: 0o755},
		{Path: "/tmp", Mode: 0o1777},
	}
	for _, name := range strings.Fields(string(list)) {
		if name != "busybox" {
			files = append(files, oci.File{Path: "/bin/" + name, Link: "busybox"})
		}
	}
	return files, nil
}
