package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// TestPackagesAreShownAsTheyEnd: who waits for the tests sees each package, and what failed, before the last one is done.
func TestPackagesAreShownAsTheyEnd(t *testing.T) {
	var live bytes.Buffer
	r := report{outputs: map[string][]string{}, skipReason: map[string]string{}, live: &live}
	in := `{"Action":"pass","Package":"a","Test":"TestOne","Elapsed":1}
{"Action":"pass","Package":"a","Elapsed":2.5}
{"Action":"output","Package":"b","Test":"TestTwo","Output":"two is three\n"}
{"Action":"fail","Package":"b","Test":"TestTwo","Elapsed":1}
{"Action":"fail","Package":"b","Elapsed":3}
{"Action":"skip","Package":"c","Elapsed":0}
`
	must.Do(t, r.read(strings.NewReader(in)))
	want := "ok      2.5 s     1 passed  a\nFAIL b TestTwo\ntwo is three\nFAIL    3.0 s     0 passed  b\n--      0.0 s     0 passed  c\n"
	if live.String() != want {
		t.Errorf("%q\nwant %q", live.String(), want)
	}
}

// TestWhatDidNotEndIsShown: a package that fails without a failed test says what its running tests had said.
func TestWhatDidNotEndIsShown(t *testing.T) {
	r := report{outputs: map[string][]string{}, skipReason: map[string]string{}}
	in := `{"Action":"output","Package":"a","Test":"ExampleOne","Output":"cannot connect\n"}
{"Action":"fail","Package":"a","Elapsed":2.5}
`
	must.Do(t, r.read(strings.NewReader(in)))
	var out bytes.Buffer
	if r.print(&out, 0) != 1 || !strings.Contains(out.String(), "did not end: a ExampleOne\ncannot connect\n") {
		t.Error(out.String())
	}
}
