// Package interop holds the tests of living together with Python workers: the
// real mongolock 1.3.4 (pymongo 3) and package mongolock contend for the same
// keys of one collection, on every test server. docs/use/python.md says what is promised.
package interop
