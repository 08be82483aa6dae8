// Package oci makes container images out of files, without a container engine
// and without a registry. What comes out depends on the files' content and on
// what is asked for, never on when, where or by whom it is made.
package oci

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// File is one entry of an image's file system, owned by root.
type File struct {
	Path string // absolute, in the image
	Mode int64
	// One of these; none of them makes a directory.
	From string // a file of this machine
	Data []byte
	Link string // the target of a symbolic link
}

func (f File) isDir() bool { return f.From == "" && f.Data == nil && f.Link == "" }

// writeLayer writes files, and the directories above them, as an uncompressed layer.
func writeLayer(w io.Writer, files []File, modified time.Time) error {
	tw := tar.NewWriter(w)
	for _, f := range withParents(files) {
		if err := writeFile(tw, f, modified); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return tw.Close()
}

// withParents adds the directories that nobody has named, and sorts: a
// directory comes before what it has.
func withParents(files []File) []File {
	all := map[string]File{}
	for _, f := range files {
		f.Path = path.Clean(f.Path)
		all[f.Path] = f
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			if _, named := all[dir]; !named {
				all[dir] = File{Path: dir, Mode: 0o755}
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
}

func writeFile(tw *tar.Writer, f File, modified time.Time) error {
	h := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Mode: f.Mode, ModTime: modified, Format: tar.FormatUSTAR}
	switch {
	case f.isDir():
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return tw.WriteHeader(h)
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.Link, 0o777
		return tw.WriteHeader(h)
	case f.From != "":
		return copyFile(tw, h, f.From)
	default:
		return writeBytes(tw, h, f.Data)
	}
}

func writeBytes(tw *tar.Writer, h *tar.Header, data []byte) error {
	h.Typeflag, h.Size = tar.TypeReg, int64(len(data))
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(data)
	return err
}

func copyFile(tw *tar.Writer, h *tar.Header, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, in)
	return err
}
