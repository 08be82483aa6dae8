// Package pack compresses the copy of the program that mongogate install takes:
// the program itself may not be read by who runs it.
package pack

import (
	"compress/gzip"
	"errors"
	"io"
)

// File is where the copy is in the image: the program's own name, and .gz.
const File = "/mongogate.gz"

// Pack compresses, without name and time, so that the same program gives the same bytes.
func Pack(to io.Writer, from io.Reader) error {
	z, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = io.Copy(z, from)
	return errors.Join(err, z.Close())
}
