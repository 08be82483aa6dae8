package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
)

// errNone says that an image cannot be made here, and that nothing is wrong.
var errNone = errors.New("cannot be made here")

// servers is an image with real servers (nginx, PostgreSQL, Java, Python), as Debian's packages have them, for any user.
func servers(_ context.Context, p *places) (oci.Image, error) {
	if _, err := os.Stat(filepath.Join(p.servers, ".whole")); p.servers == "" || errors.Is(err, fs.ErrNotExist) {
		return oci.Image{}, errNone
	}
	files, err := tree(p.servers)
	files = append(files,
		oci.File{Path: "/etc/passwd", Mode: 0o644, Data: []byte(passwd + "anybody:x:65532:65532:anybody:/data:/bin/false\n")},
		oci.File{Path: "/etc/group", Mode: 0o644, Data: []byte(group)},
		oci.File{Path: "/bin/sh", Link: "dash"},
		oci.File{Path: "/tmp", Mode: 0o1777},
	)
	return image("mongogate.test/servers:1", v1.Config{Cmd: []string{"/bin/sh"}}, files...), err
}

// tree is all that a directory has.
func tree(root string) ([]oci.File, error) {
	var files []oci.File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := oci.File{Path: path[len(root):], Mode: int64(info.Mode().Perm())}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			f.Link, err = os.Readlink(path)
		case info.Mode().IsRegular() && info.Size() == 0:
			f.Data = []byte{}
		case info.Mode().IsRegular():
			f.From = path
		case !d.IsDir():
			return nil
		}
		files = append(files, f)
		return err
	})
	return files, err
}
