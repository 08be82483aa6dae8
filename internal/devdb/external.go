package devdb

import (
	"os"
)

const (
	uriVariable    = "MONGOGATE_TEST_URI"
	mongodVariable = "MONGOGATE_MONGOD"
)

// startExternal takes the server that MONGOGATE_TEST_URI names.
func startExternal() (*Server, error) {
	return &Server{URI: os.Getenv(uriVariable), Name: "MongoDB", Kind: External}, nil
}
